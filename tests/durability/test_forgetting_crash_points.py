"""A daemon ends between any two statements of its forgetting: what is here is a journal that every
store can take, all of it is proved, and the next look goes on."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from sentra.protocol.entry import Head
from sentra.protocol.segment import open_segment, read_header
from sentra.vault import journal, leftovers, retention
from sentra.vault.database import Vault
from sentra.vault.entries import dropped_up_to, pruned_base
from sentra.vault.identity import Identity
from syncd.daemon.inbound.house import EVERY_MS, House
from tests.durability.day import copy_disk, shop_folder
from tests.durability.fuse import Ended, Fuse, fused
from tests.support.tills import a_till
from tests.unit.vault.shifts import LATER, SHIFT_ENTRIES, T0, Shop

__all__ = ["shop_folder"]

DAYS = 35
LOOKS = 2
"""Each forgets a shift."""

AGAIN_EVERY = 3
"""After so many points in turn the daemon looks again, as it would at its next start."""

POINTS_MIN = 40
OLD, GONE = 0, 2 * SHIFT_ENTRIES


def keep(vault: Vault, identity: Identity) -> None:
    ticks = itertools.count(0, EVERY_MS)
    house = House(vault, identity, DAYS, lambda: next(ticks), lambda _seconds: None)
    for _ in range(LOOKS):
        house.keep(LATER)


def proved_from(vault: Vault, identity: Identity) -> int:
    """Where the journal begins; everything is proved as whoever asks for it would."""
    with vault.reader() as db:
        assert journal.verify(db, identity) == []
        base, told = pruned_base(db), retention.base_of(db)
        if told is not None:
            assert told.head.to_head() == base
            assert told.is_covered(identity.device_id, identity.cloud_public_key)
        before = base
        for _, sealed in journal.parcels_after(db, base, 1 << 20, 100):
            header = read_header(sealed)
            assert (header.epoch, header.first_seq) == (before.epoch, before.seq + 1)
            open_segment(sealed, before.hash)
            before = Head(header.epoch, header.last_seq, header.last_hash)
        assert before == journal.head(db)
        return base.seq


def test_at_whichever_statement_the_power_goes_the_journal_is_whole_and_forgetting_goes_on(
    shop_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    monkeypatch.setattr(leftovers, "ENTRIES_AT_ONCE", 3)
    vault, identity = a_till(shop_folder / "old")
    shop = Shop(vault, identity)
    shop.trade(2)
    shop.trade(close=False)
    for at_ms in (T0, LATER):
        shop.hear("archived", shop.place(GONE), at_ms)
        shop.hear("cloud", shop.head(), at_ms)
        shop.look(at_ms)
    assert proved_from(vault, identity) == OLD
    vault.close()
    places, was_left_over = set(), False
    for at in itertools.count():
        fuse, folder = Fuse(), copy_disk(shop_folder / "old", shop_folder / f"{at}")
        with fused(fuse):
            dying = Vault.open(folder)
            fuse.arm(at)
            try:
                keep(dying, identity)
            except Ended:
                pass
            else:
                dying.close()
                break
        found = Vault.open(copy_disk(folder, shop_folder / f"{at}-found"))
        fuse.clear()
        dying.close()
        places.add(proved_from(found, identity))
        with found.reader() as db:
            was_left_over |= dropped_up_to(db) is not None
        if at % AGAIN_EVERY == 0:
            keep(found, identity)
            assert proved_from(found, identity) == GONE, f"statement {at}"
            with found.reader() as db:
                assert dropped_up_to(db) is None
                (first,) = db.execute("SELECT min(seq) FROM journal_entry").fetchone()
                assert first == GONE + 1, f"statement {at}"
        found.close()
    assert at >= POINTS_MIN
    assert places == {OLD, SHIFT_ENTRIES, GONE}
    assert was_left_over
