"""The trunk and the feed: what the cloud signed, in order; a snapshot where it is far behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.operations.trunk import (
    fetch_feed,
)
from sentra.protocol.errors import FeedDamaged, ProtocolError
from sentra.protocol.feed import FeedItem, SealedRevision, seal_revision
from tests.fakes.memory_store import a_refusal
from tests.fakes.snapshots import a_snapshot
from tests.support.tills import BRANCH
from tests.unit.router_agent.trunks import CLOUD_KEY, COMPANY, Cloud, Shelf, heard


def test_the_feed_is_cached_in_order_until_its_head() -> None:
    revisions = [
        seal_revision(COMPANY, n, [FeedItem("product", f"p{n}", b"{}")], CLOUD_KEY)
        for n in (1, 2, 3)
    ]
    shelf = Shelf()
    assert fetch_feed(Cloud(revisions=revisions), shelf, COMPANY, CLOUD_KEY.public_key()) == 3
    assert shelf.revisions == revisions


def test_a_revision_that_the_cloud_did_not_sign_is_never_cached() -> None:
    forged = seal_revision(
        COMPANY, 1, [FeedItem("product", "p", b"{}")], Ed25519PrivateKey.generate()
    )
    shelf = Shelf()
    with pytest.raises(FeedDamaged):
        fetch_feed(Cloud(revisions=[forged]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert shelf.revisions == []


def test_a_revision_that_does_not_follow_is_never_cached() -> None:
    late = seal_revision(COMPANY, 2, [FeedItem("product", "p", b"{}")], CLOUD_KEY)
    shelf = Shelf()
    with pytest.raises(FeedDamaged):
        fetch_feed(Cloud(revisions=[late]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert shelf.revisions == []


def test_on_a_new_timeline_the_feed_is_read_anew_and_what_it_lost_is_dropped() -> None:
    def revision(*keys: str) -> SealedRevision:
        items = [FeedItem("product", key, b"{}") for key in keys]
        return seal_revision(COMPANY, 1, items, CLOUD_KEY)

    shelf = Shelf()
    assert heard(shelf, feed={COMPANY: 1}) == (COMPANY,)
    fetch_feed(Cloud(revisions=[revision("kept", "lost")]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert heard(shelf, feed={COMPANY: 1}) == ()
    assert heard(shelf, feed={COMPANY: 1}, timeline="second") == (COMPANY,)
    assert set(shelf.items) == {"kept", "lost"}, "until then it is served from what is known"
    fetch_feed(Cloud(revisions=[revision("kept")]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert set(shelf.items) == {"kept"}


def test_a_feed_that_is_shorter_than_the_cache_is_read_anew() -> None:
    shelf = Shelf()
    revisions = [
        seal_revision(COMPANY, n, [FeedItem("tax", "t", b"{}")], CLOUD_KEY) for n in (1, 2)
    ]
    fetch_feed(Cloud(revisions=revisions), shelf, COMPANY, CLOUD_KEY.public_key())
    assert heard(shelf, feed={COMPANY: 1}) == (COMPANY,)
    assert shelf.feed_cursor(COMPANY) == 0


def _state(*keys: str) -> list[FeedItem]:
    return [FeedItem("device", key, b"{}") for key in keys]


def test_a_cache_that_is_too_far_behind_takes_the_snapshot_and_goes_on_from_there() -> None:
    shelf = Shelf(items={"gone": b"{}"})
    after = seal_revision(COMPANY, 31, _state("later"), CLOUD_KEY)
    made = a_snapshot(COMPANY, 30, _state("a", "b"), timeline="first", key=CLOUD_KEY)
    cloud = Cloud(revisions=[after], kept_from=31, made=made)
    fetch_feed(cloud, shelf, COMPANY, CLOUD_KEY.public_key())
    assert shelf.kept == made.note
    assert set(shelf.items) == {"a", "b", "later"}
    assert shelf.feed_cursor(COMPANY) == 31


def test_a_router_keeps_no_snapshot_that_the_cloud_did_not_sign() -> None:
    other = Ed25519PrivateKey.generate()
    for made in (
        a_snapshot(COMPANY, 30, _state("a"), timeline="first", key=other),
        a_snapshot(BRANCH, 30, _state("a"), timeline="first", key=CLOUD_KEY),
        a_snapshot(COMPANY, 30, _state("a"), timeline="another", key=CLOUD_KEY),
        replace(a_snapshot(COMPANY, 30, _state("a"), timeline="first", key=CLOUD_KEY), packed=b"x"),
    ):
        shelf = Shelf(items={"here": b"{}"})
        with pytest.raises(ProtocolError):
            fetch_feed(Cloud(kept_from=31, made=made), shelf, COMPANY, CLOUD_KEY.public_key())
        assert (shelf.kept, shelf.downloads, set(shelf.items)) == (None, {}, {"here"})


def test_a_cursor_beyond_the_clouds_feed_changes_nothing() -> None:
    class Shorter(Cloud):
        def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
            raise a_refusal("cursor-beyond", 409)

    shelf = Shelf(revisions=[seal_revision(COMPANY, 1, _state("a"), CLOUD_KEY)])
    assert fetch_feed(Shorter(), shelf, COMPANY, CLOUD_KEY.public_key()) == 0
    assert shelf.feed_cursor(COMPANY) == 1
