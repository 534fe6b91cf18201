"""The daemon's housekeeping: a step a turn while there is something to do, else an hour's rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sentra.vault import state
from sentra.vault.archived import DAY_MS
from sentra.vault.entries import pruned_base
from syncd.daemon.inbound.house import EVERY_MS, House
from syncd.daemon.outbound.shelf import VaultShelf
from tests.support.tills import BRANCH, a_till
from tests.unit.vault.shifts import LATER, SHIFT_ENTRIES, T0, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path)
    yield Shop(vault, identity)
    vault.close()


def test_it_remembers_waits_and_forgets(shop: Shop) -> None:
    tick = [0]
    house = House(shop.vault, shop.identity, 35, lambda: tick[0])

    def base() -> int:
        with shop.vault.reader() as db:
            return pruned_base(db).seq

    def turn(now_ms: int) -> int:
        house.keep(now_ms)
        return base()

    shop.trade(4)
    shop.hear("archived", shop.place(2 * SHIFT_ENTRIES), T0)
    shop.hear("cloud", shop.head(), T0)
    assert turn(T0) == 0, "not in the first minute"
    tick[0] = EVERY_MS
    assert turn(T0) == turn(T0 + 10 * 365 * DAY_MS) == 0
    shop.hear("cloud", shop.head(), LATER)
    assert turn(LATER) == 0, "it looked an instant ago"
    tick[0] = 2 * EVERY_MS
    assert [turn(LATER) for _ in range(3)] == [SHIFT_ENTRIES, 2 * SHIFT_ENTRIES, 2 * SHIFT_ENTRIES]
    assert shop.is_whole()
    told = VaultShelf(shop.vault, shop.identity).base()
    assert told is not None
    assert told.head.seq == 2 * SHIFT_ENTRIES
    assert told.is_covered(shop.identity.device_id, shop.identity.cloud_public_key)


def test_what_was_forgotten_is_not_kept_back_by_a_journal_that_stands_still(shop: Shop) -> None:
    shop.trade(4)
    for at_ms in (T0, LATER):
        shop.hear("archived", shop.place(2 * SHIFT_ENTRIES), at_ms)
        shop.hear("cloud", shop.head(), at_ms)
        shop.look(at_ms)
    ticks = iter(range(0, 100 * EVERY_MS, EVERY_MS))
    house = House(shop.vault, shop.identity, 35, lambda: next(ticks))
    house.keep(LATER)
    with shop.vault.reader() as db:
        assert pruned_base(db).seq == SHIFT_ENTRIES


def test_the_heads_of_the_feeds_are_told_to_the_waiting_screen(shop: Shop) -> None:
    shelf = VaultShelf(shop.vault, shop.identity)
    shelf.note_feed_heads({"company": 40, BRANCH: 2, "another": 9})
    shelf.note_feed_heads({})
    with shop.vault.reader() as db:
        assert state.get(db, state.FEED_HEADS) == {"company": 40, BRANCH: 2}
