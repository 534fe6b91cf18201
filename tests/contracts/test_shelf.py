"""What the daemon expects of a shelf: the vault and the one in memory keep the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentra.events import Category
from sentra.protocol.entry import EMPTY, Entry, Head, head_of, make_entry
from sentra.protocol.segment import read_header
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.failures import RevisionOutOfOrder
from syncd.daemon.operations.ports import Shelf
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_shelf import MemoryShelf
from tests.support.journals import START_MS
from tests.support.tills import BRANCH, TIMELINE, a_revision, a_till, an_identity, sell


@dataclass
class Subject:
    """A shelf and a way to sell on it."""

    shelf: Shelf
    vault: Vault | None

    def sell(self, count: int) -> list[Entry]:
        if self.vault is not None and isinstance(self.shelf, VaultShelf):
            return sell(self.vault, self.shelf.identity, count)
        assert isinstance(self.shelf, MemoryShelf)
        made = []
        for _ in range(count):
            terminal, head = self.shelf.terminal(), self.shelf.head()
            made.append(make_entry(terminal, head, "k", 1, START_MS, "2026-11-22", b"{}"))
            self.shelf.entries.append(made[-1])
        return made


@pytest.fixture(params=["vault", "memory"])
def subject(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Subject]:
    identity = an_identity()
    if request.param == "memory":
        shelf = MemoryShelf(identity.device_id, ("company", BRANCH), identity.private_key)
        shelf.set_timeline(TIMELINE)
        yield Subject(shelf, None)
        return
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path)
    yield Subject(VaultShelf(vault, identity), vault)
    vault.close()


def test_it_says_who_it_is(subject: Subject) -> None:
    assert subject.shelf.terminal() == an_identity().device_id
    assert subject.shelf.scopes() == ("company", BRANCH)


def test_its_head_is_the_last_entry_and_it_holds_each_of_them(subject: Subject) -> None:
    shelf = subject.shelf
    assert shelf.head() == EMPTY
    heads = [head_of(entry) for entry in subject.sell(3)]
    assert shelf.head() == heads[-1]
    assert all(shelf.holds(head) for head in [EMPTY, *heads])
    assert not shelf.holds(Head(1, 2, b"\x00" * 32))
    assert not shelf.holds(Head(1, 4, heads[0].hash))
    assert not shelf.holds(Head(2, 1, heads[0].hash))


def test_watermarks_go_forward_and_back_only_when_reset(subject: Subject) -> None:
    shelf = subject.shelf
    first, second = (head_of(entry) for entry in subject.sell(2))
    assert shelf.watermark("cloud") == EMPTY
    assert shelf.watermark_at_ms("cloud") == 0
    assert shelf.set_watermark("cloud", second, 7, "aa")
    assert not shelf.set_watermark("cloud", first, 8, "aa")
    assert not shelf.set_watermark("cloud", second, 8, "aa")
    assert (shelf.watermark("cloud"), shelf.watermark_at_ms("cloud")) == (second, 7)
    shelf.reset_watermark("cloud", first, 9, None)
    assert (shelf.watermark("cloud"), shelf.watermark_at_ms("cloud")) == (first, 9)
    assert shelf.watermark("router") == EMPTY


def test_what_is_sealed_once_keeps_its_bytes(subject: Subject) -> None:
    shelf = subject.shelf
    assert shelf.seal_pending() == 0
    subject.sell(3)
    assert shelf.seal_pending() == 3
    first = shelf.parcels_after(EMPTY, 1 << 20, 10)
    subject.sell(2)
    assert shelf.seal_pending() == 2
    assert shelf.seal_pending() == 0
    parcels = shelf.parcels_after(EMPTY, 1 << 20, 10)
    assert parcels[: len(first)] == first
    assert [read_header(parcel).first_seq for parcel in parcels] == [1, 4]


def test_parcels_reach_beyond_a_head_within_both_limits_but_never_none(subject: Subject) -> None:
    shelf = subject.shelf
    for _ in range(3):
        subject.sell(2)
        shelf.seal_pending()

    def firsts(seq: int, bytes_max: int = 1 << 20, segments_max: int = 10) -> list[int]:
        parcels = shelf.parcels_after(Head(1, seq, b""), bytes_max, segments_max)
        return [read_header(parcel).first_seq for parcel in parcels]

    assert firsts(0) == [1, 3, 5]
    assert firsts(3) == [3, 5]
    assert firsts(6) == []
    assert firsts(0, segments_max=2) == [1, 3]
    assert firsts(0, bytes_max=1) == [1]


def test_revisions_are_applied_in_order_and_once(subject: Subject) -> None:
    shelf = subject.shelf
    first = a_revision("company", 1, [("category", "c", Category("c", "C"))])
    second = a_revision("company", 2, [("category", "c", None)])
    third = a_revision("company", 3, [("category", "d", Category("d", "D"))])
    shelf.apply(*first)
    shelf.apply(*first)
    assert shelf.feed_cursor("company") == 1
    with pytest.raises(RevisionOutOfOrder):
        shelf.apply(*third)
    shelf.apply(*second)
    shelf.apply(*third)
    assert shelf.feed_cursor("company") == 3
    assert shelf.feed_cursor(BRANCH) == 0
    shelf.restart_feed("company")
    assert shelf.feed_cursor("company") == 0


def test_the_timeline_is_remembered(subject: Subject) -> None:
    assert subject.shelf.timeline() == TIMELINE
    subject.shelf.set_timeline("another")
    assert subject.shelf.timeline() == "another"


def test_a_new_timeline_keeps_what_the_till_wrote_into_its_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path)
    shelf = VaultShelf(vault, identity)
    from sentra.vault.identity import read_identity, write_identity

    with vault.writer() as db:
        write_identity(db, an_identity(epoch=2))
    shelf.set_timeline("another")
    with vault.reader() as db:
        found = read_identity(db)
        assert journal.head(db) == EMPTY
    vault.close()
    assert found is not None
    assert (found.epoch, found.timeline) == (2, "another")
