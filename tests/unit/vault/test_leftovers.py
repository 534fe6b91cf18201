"""What was forgotten and is not dropped yet: no part of the journal, and proved all the same."""

from __future__ import annotations

import pytest

from sentra.protocol.entry import EMPTY
from sentra.vault import journal, leftovers, retention, schema, state
from sentra.vault.database import Vault
from sentra.vault.entries import pruned_base, pruned_count
from sentra.vault.identity import Identity
from sentra.vault.verify import prove
from tests.unit.vault.shifts import LATER, SHIFT_ENTRIES, T0, WINDOW_MS, Shop, shop

__all__ = ["shop"]


def forget_but_drop_nothing(shop: Shop) -> None:
    """As a power cut leaves it, that came behind the first transaction."""
    with shop.vault.writer() as db:
        found = retention.plan(db, shop.identity, WINDOW_MS, LATER)
        assert found is not None
        retention.forget(db, shop.identity, found, WINDOW_MS, LATER)


def left_over(shop: Shop) -> int:
    with shop.vault.reader() as db:
        base = pruned_base(db)
        query = "SELECT count(*) FROM journal_entry WHERE (epoch, seq) <= (?, ?)"
        return int(db.execute(query, (base.epoch, base.seq)).fetchone()[0])


@pytest.fixture(autouse=True)
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portion of what is dropped is two entries."""
    monkeypatch.setattr(leftovers, "ENTRIES_AT_ONCE", 2)


def test_a_large_shift_is_forgotten_at_once_and_dropped_by_and_by(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    for shift in (1, 2):
        forget_but_drop_nothing(shop)
        left = []
        while True:
            left.append(left_over(shop))
            assert shop.is_whole()
            with shop.vault.reader() as db:
                assert pruned_base(db) == shop.place(shift * SHIFT_ENTRIES)
                kept = journal.entries(db, EMPTY, 100)
                assert kept[0].seq == shift * SHIFT_ENTRIES + 1, "what is left over is not read"
                assert prove(db, shop.identity).tally.tickets == shop.sold - 3 * shift
            if not shop.drop_portion():
                break
        assert left == [5, 3, 1, 0]


def test_what_is_left_over_is_proved_until_it_is_dropped(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    forget_but_drop_nothing(shop)
    shop.drop_portion()
    with shop.vault.writer() as db:
        db.execute("UPDATE journal_entry SET recorded_at_ms = recorded_at_ms + 1 WHERE seq = 3")
    with shop.vault.reader() as db:
        assert [(one.kind, one.seq) for one in journal.verify(db, shop.identity)] == [("chain", 3)]


def test_a_shift_forgotten_before_the_last_one_is_dropped_leaves_both_over(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    forget_but_drop_nothing(shop)
    shop.drop_portion()
    forget_but_drop_nothing(shop)
    assert left_over(shop) == 2 * SHIFT_ENTRIES - 2
    assert shop.is_whole()
    while shop.drop_portion():
        assert shop.is_whole()
    assert left_over(shop) == 0
    with shop.vault.reader() as db:
        assert pruned_count(db) == 2 * SHIFT_ENTRIES


def test_what_is_left_over_is_never_sealed_again(till: tuple[Vault, Identity]) -> None:
    shop = Shop(*till)
    shop.trade(1)
    shop.trade(close=False)
    with shop.vault.writer() as db:
        db.execute("DELETE FROM sealed_segment WHERE first_seq > ?", (SHIFT_ENTRIES,))
    for at_ms in (T0, LATER):
        shop.hear("archived", shop.place(SHIFT_ENTRIES), at_ms)
        shop.hear("cloud", shop.head(), at_ms)
        shop.look(at_ms)
    forget_but_drop_nothing(shop)
    with shop.vault.writer() as db:
        assert journal.seal_pending(db, shop.identity) == shop.head().seq - SHIFT_ENTRIES
        (parcel,) = journal.parcels_after(db, EMPTY, 1 << 20, 100)
        assert parcel[0].first_seq == SHIFT_ENTRIES + 1
    assert shop.is_whole()


def test_a_rebuild_gives_the_rows_of_what_is_left_over_too(shop: Shop) -> None:
    shop.hear("cloud", shop.head(), LATER)
    forget_but_drop_nothing(shop)
    before = shop.rows()
    with shop.vault.writer() as db:
        state.put(db, "projection_fingerprint", "of an older version")
        schema.migrate(db, {}, "terminal")
    assert shop.rows() == before
    assert shop.is_whole()
