"""A router's snapshot of the feed: fetched in parts, verified, kept, and handed on to tills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from router_agent.outbound import decisions
from router_agent.verify import prove
from sentra.events import Category
from sentra.link.errors import LinkRefused
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import COMPANY, FeedItem
from sentra.vault import catalogue, snapshots
from syncd.daemon.operations.fetch import fetch_page
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.snapshots import MemorySnapshot, a_snapshot
from tests.integration.router.conftest import Running
from tests.support.journals import Journal
from tests.support.tills import CLOUD_KEY, a_till

Until = Callable[..., None]
HEAD = 40


def categories(*names: str) -> list[FeedItem]:
    return [FeedItem("category", n, encode_decision(Category(n, n.title()))) for n in names]


def publish(running: Running, count: int) -> None:
    for _ in range(count):
        running.cloud.publish(COMPANY, ("category", Category("c", "C")))


def hand_out(running: Running, made: MemorySnapshot) -> None:
    """From now on the cloud keeps only what is behind the snapshot."""
    running.cloud.snapshots[COMPANY] = made
    running.cloud.kept_from[COMPANY] = made.note.revision + 1
    publish(running, HEAD)
    running.router.trunk.try_now()


def cursor(running: Running) -> int:
    with running.router.vault.reader() as db:
        return decisions.feed_cursor(db, COMPANY)


def till_of(running: Running, folder: Path) -> VaultShelf:
    vault, identity = a_till(folder)
    running.open.callback(vault.close)
    return VaultShelf(vault, identity)


def names_of(shelf: VaultShelf) -> set[str]:
    with shelf._vault.reader() as db:
        return {one.name for one in catalogue.categories(db)}


def fetch(running: Running, journal: Journal, shelf: VaultShelf) -> None:
    link = running.link(journal)
    while fetch_page(link, shelf, COMPANY, CLOUD_KEY.public_key()):
        pass


def test_it_is_handed_on_to_a_till_that_is_far_behind_and_proved(
    served: Running, journal: Journal, until: Until, tmp_path: Path
) -> None:
    served.cloud.cut_off = True
    hand_out(served, a_snapshot(COMPANY, HEAD - 1, categories("tea", "rice")))
    until(lambda: cursor(served) == HEAD)
    ranges = [one.headers["Range"] for one in served.cloud.asked("/v1/feed/snapshot")]
    assert len(ranges) == 2, "what came before the line broke was not asked for again"
    assert not ranges[1].startswith("bytes=0-")
    shelf = till_of(served, tmp_path / "till")
    fetch(served, journal, shelf)
    assert names_of(shelf) == {"Tea", "Rice", "C"}
    assert shelf.feed_cursor(COMPANY) == HEAD
    served.router.stop()
    assert [proof.problems for proof in prove(served.folder)] == [(), ()]
    served.start()


def test_a_download_goes_on_after_a_restart_of_the_router(served: Running, until: Until) -> None:
    made = a_snapshot(COMPANY, HEAD, categories(*(f"c{n}" for n in range(300))))
    with served.router.vault.writer() as db:
        snapshots.begin(db, made.note)
        snapshots.add_part(db, made.note, 0, made.packed[:100])
    served.stop()
    served.cloud.snapshots[COMPANY] = made
    served.cloud.kept_from[COMPANY] = HEAD + 1
    publish(served, HEAD)
    served.start()
    until(lambda: cursor(served) == HEAD)
    asked = served.cloud.asked("/v1/feed/snapshot")
    assert asked[0].headers["Range"].startswith("bytes=100-")


def test_a_state_that_came_back_takes_the_file_that_is_here(served: Running, until: Until) -> None:
    """Prices that were changed and changed back: the same bytes, at a later revision."""
    items = categories("tea")
    hand_out(served, a_snapshot(COMPANY, HEAD - 1, items))
    until(lambda: cursor(served) == HEAD)
    hand_out(served, a_snapshot(COMPANY, 2 * HEAD - 1, items))
    until(lambda: cursor(served) == 2 * HEAD)
    asked = served.cloud.asked("/v1/feed/snapshot")
    assert len(asked) == 2, "what is here was fetched again, because it had been lost"
    with served.router.vault.reader() as db:
        kept = snapshots.kept(db, COMPANY)
    assert kept is not None
    assert (kept.note.revision, kept.is_whole) == (2 * HEAD - 1, True)


def test_an_altered_one_is_refused_shown_and_nothing_of_it_is_kept(
    served: Running, journal: Journal, until: Until
) -> None:
    made = a_snapshot(COMPANY, HEAD - 1, categories("tea"))
    hand_out(served, replace(made, packed=made.packed[:-1] + b"x"))
    until(lambda: served.router.trunk.state.feed_problem == "snapshot-damaged")
    with served.router.vault.reader() as db:
        assert snapshots.kept(db, COMPANY) is None
        begun = snapshots.begun(db, COMPANY)
    assert begun is None or begun.size == 0, "the next try may have begun already"
    assert cursor(served) == 0
    served.cloud.snapshots[COMPANY] = made
    served.router.trunk.try_now()
    until(lambda: cursor(served) == HEAD)
    until(lambda: served.router.trunk.state.feed_problem is None)


def test_a_till_that_asks_for_one_that_is_not_here_gets_it_soon(
    served: Running, journal: Journal, until: Until, tmp_path: Path
) -> None:
    publish(served, 2)
    until(lambda: cursor(served) == 2)
    served.cloud.snapshots[COMPANY] = a_snapshot(COMPANY, 2, categories("tea"))
    link = served.link(journal)
    with pytest.raises(LinkRefused) as absent:
        link.snapshot(COMPANY, None, 0)
    assert (absent.value.slug, absent.value.problem.retry) == ("snapshot-absent", True)

    def is_here() -> bool:
        with served.router.vault.reader() as db:
            return snapshots.kept(db, COMPANY) is not None

    until(is_here)
    part = link.snapshot(COMPANY, None, 0)
    assert part.body == served.cloud.snapshots[COMPANY].packed
    assert cursor(served) == 2


def test_many_revisions_make_room_for_a_snapshot(
    served: Running, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "REVISIONS_MAX", 5)
    monkeypatch.setattr(decisions, "REVISIONS_BEHIND_KEPT", 2)
    served.cloud.snapshots[COMPANY] = a_snapshot(COMPANY, 6, categories("tea"))
    publish(served, 8)
    served.router.trunk.try_now()

    def kept() -> list[int]:
        with served.router.vault.reader() as db:
            page = decisions.revisions_after(db, COMPANY, 0, 1 << 20)
        return [one.revision for one in page]

    until(lambda: cursor(served) == 8 and kept() == [5, 6, 7, 8])


def test_it_is_for_the_own_branchs_terminals_alone(served: Running, journal: Journal) -> None:
    link = served.link(journal)
    with pytest.raises(LinkRefused) as refused:
        link.snapshot("another-branch", None, 0)
    assert refused.value.slug == "scope-refused"
    with pytest.raises(LinkRefused) as unknown:
        served.link(Journal(77)).snapshot(COMPANY, None, 0)
    assert unknown.value.slug == "device-unknown"
