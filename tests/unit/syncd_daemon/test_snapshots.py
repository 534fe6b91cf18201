"""A till that is too far behind takes the snapshot: in parts, verified, wholly or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.download import SnapshotStale
from sentra.events import Category
from sentra.link.errors import LinkRefused
from sentra.link.parts import SnapshotPart
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import SnapshotDamaged
from syncd.daemon.operations.fetch import fetch_page
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_shelf import MemoryShelf
from tests.fakes.memory_store import MemoryStore
from tests.fakes.snapshots import MemorySnapshot, a_snapshot
from tests.support.tills import BRANCH, CLOUD_KEY, TIMELINE, a_revision, a_till, an_identity

IDENTITY = an_identity()
PUBLIC = CLOUD_KEY.public_key()
STEPS_MAX = 60


def state(*keys: str) -> list[FeedItem]:
    return [FeedItem("category", key, b'{"of":"%s"}' % key.encode()) for key in keys]


@dataclass
class Line:
    shelf: MemoryShelf
    store: MemoryStore

    def step(self, *, is_cloud: bool = False) -> bool:
        return fetch_page(self.store, self.shelf, "company", PUBLIC, is_cloud=is_cloud)

    def fetch(self) -> None:
        for _ in range(STEPS_MAX):
            if not self.step():
                return
        raise AssertionError("it never came to an end")

    def keys(self) -> set[str]:
        return {key for _, key in self.shelf.decisions}


def a_line(made: MemorySnapshot | None, *, behind: int = 2) -> Line:
    """A till that has applied one revision, and a store that keeps those from the 10th on."""
    shelf = MemoryShelf(IDENTITY.device_id, ("company", BRANCH), IDENTITY.private_key)
    shelf.set_timeline(TIMELINE)
    shelf.apply(*a_revision("company", 1, [("category", "old", Category("old", "Old"))]))
    store = MemoryStore({IDENTITY.device_id: IDENTITY.private_key.public_key()}, kept_from=10)
    store.revisions["company"] = [
        a_revision("company", n, [("category", f"n{n}", Category(f"n{n}", "N"))])[0]
        for n in range(10, 10 + behind)
    ]
    if made is not None:
        store.snapshots["company"] = made
    return Line(shelf, store)


def test_it_replaces_what_was_there_and_the_deltas_follow() -> None:
    line = a_line(a_snapshot("company", 9, state("a", "b")))
    line.fetch()
    assert line.keys() == {"a", "b", "n10", "n11"}
    assert line.shelf.feed_cursor("company") == 11
    assert not line.shelf.downloads


def test_nothing_is_applied_before_all_of_it_is_here() -> None:
    line = a_line(a_snapshot("company", 9, state("a", "b")))
    assert line.step()
    assert line.keys() == {"old"}
    held = line.shelf.snapshot_begun("company")
    assert held is not None
    assert 0 < held.size < held.note.size


def test_it_goes_on_where_it_was_cut_off_at_whichever_store() -> None:
    made = a_snapshot("company", 9, state("a", "b"))
    line = a_line(made)
    line.step()
    asked: list[int] = []

    class Another(MemoryStore):
        def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
            asked.append(start)
            return made.part(begun, start)

    line.store = Another({}, revisions=line.store.revisions, kept_from=10)
    line.fetch()
    assert asked[0] == made.part_bytes
    assert line.shelf.feed_cursor("company") == 11


def test_one_that_is_here_wholly_is_applied_without_asking_for_more() -> None:
    made = a_snapshot("company", 9, state("a", "b"))
    line = a_line(None)
    line.shelf.begin_snapshot(made.note)
    line.shelf.add_part(made.note, 0, made.packed)
    line.fetch()
    assert line.keys() == {"a", "b", "n10", "n11"}


def test_a_newer_snapshot_on_the_way_begins_anew() -> None:
    line = a_line(a_snapshot("company", 9, state("a", "b")))
    line.step()
    line.store.snapshots["company"] = a_snapshot("company", 10, state("c"))
    line.fetch()
    assert line.keys() == {"c", "n11"}


@pytest.mark.parametrize(
    "made",
    [
        a_snapshot("company", 9, state("a"), key=Ed25519PrivateKey.generate()),
        a_snapshot(BRANCH, 9, state("a")),
        replace(a_snapshot("company", 9, state("a")), packed=b""),
        replace(a_snapshot("company", 9, state("a")), packed=b"x" * 500),
        a_snapshot("company", 9, state("a"), timeline="one that the cloud has left"),
        a_snapshot("company", 1, state("a")),
    ],
    ids=["forged", "of another scope", "cut off", "altered", "of another timeline", "older"],
)
def test_what_a_router_altered_or_held_back_is_refused_and_changes_nothing(
    made: MemorySnapshot,
) -> None:
    line = a_line(made)
    with pytest.raises(ProtocolError) as refused:
        line.fetch()
    assert refused.value.slug in ("snapshot-damaged", "snapshot-stale")
    assert line.keys() == {"old"}
    assert line.shelf.feed_cursor("company") == 1
    assert not line.shelf.downloads
    line.store.snapshots["company"] = a_snapshot("company", 9, state("a"))
    line.fetch()
    assert line.keys() == {"a", "n10", "n11"}


def test_a_price_that_a_router_alters_in_the_last_part_is_found_before_anything_is_opened() -> None:
    made = a_snapshot("company", 9, state("a", "b", "c"))
    line = a_line(replace(made, packed=made.packed[:-1] + bytes((made.packed[-1] ^ 1,))))
    with pytest.raises(SnapshotDamaged):
        line.fetch()
    assert line.keys() == {"old"}


def test_a_store_that_has_none_yet_is_asked_again_and_the_download_stays() -> None:
    line = a_line(a_snapshot("company", 9, state("a", "b")))
    line.step()
    made = line.store.snapshots.pop("company")
    with pytest.raises(LinkRefused) as absent:
        line.step()
    assert absent.value.problem.retry
    assert "company" in line.shelf.downloads
    line.store.snapshots["company"] = made
    line.fetch()
    assert line.shelf.feed_cursor("company") == 11


def test_after_a_restart_a_router_cannot_make_decisions_vanish() -> None:
    line = a_line(None)
    line.store.kept_from = 1
    line.store.revisions["company"] = []
    line.shelf.restart_feed("company")
    with pytest.raises(LinkRefused):
        line.step()
    assert line.keys() == {"old"}
    line.store.snapshots["company"] = a_snapshot("company", 3, state("a"))
    line.fetch()
    assert line.keys() == {"a"}


def test_after_a_restart_the_clouds_own_feed_drops_what_it_does_not_say_anew() -> None:
    line = a_line(None)
    line.store.kept_from = 1
    line.store.revisions["company"] = [
        a_revision("company", 1, [("category", "a", Category("a", "A"))])[0]
    ]
    line.shelf.restart_feed("company")
    line.step(is_cloud=True)
    assert line.keys() == {"a"}


def test_an_old_snapshot_after_a_restart_is_of_another_timeline() -> None:
    line = a_line(a_snapshot("company", 9, state("a"), timeline="left"))
    line.shelf.restart_feed("company")
    with pytest.raises(SnapshotStale):
        line.step()
    assert line.keys() == {"old"}


def test_a_real_vault_opens_nothing_that_a_router_altered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path)
    shelf = VaultShelf(vault, identity)
    store = a_line(None).store
    true, dearer = (
        a_snapshot("company", 9, [FeedItem("category", "a", b'{"id":"a","name":"%s"}' % name)])
        for name in (b"Tea", b"Gin")
    )
    assert len(true.packed) == len(dearer.packed)
    store.snapshots["company"] = replace(true, packed=dearer.packed)
    with pytest.raises(SnapshotDamaged):
        for _ in range(STEPS_MAX):
            fetch_page(store, shelf, "company", PUBLIC)
    assert shelf.feed_cursor("company") == 0
    assert shelf.snapshot_begun("company") is None
    store.snapshots["company"] = true
    while fetch_page(store, shelf, "company", PUBLIC):
        pass
    with vault.reader() as db:
        assert db.execute("SELECT body FROM decision WHERE key = 'a'").fetchone() == (
            b'{"id":"a","name":"Tea"}',
        )
    vault.close()
