"""The feed at the till: what the cloud signed, in order, and nothing else."""

from __future__ import annotations

import pytest

from sentra.protocol.errors import FeedDamaged
from sentra.protocol.feed import SealedRevision
from sentra.vault.failures import RevisionOutOfOrder
from syncd.daemon.operations.fetch import fetch_page
from syncd.daemon.operations.ports import CLOUD
from tests.support.tills import BRANCH
from tests.unit.syncd_daemon.talking import (
    CLOUD_PUBLIC,
    a_line,
    revisions,
)


def test_a_hello_tells_which_feeds_have_moved_and_pages_bring_them() -> None:
    line = a_line()
    line.store.revisions["company"] = revisions(7)
    line.greet()
    assert line.talk.due == ("company",)
    more = [fetch_page(line.store, line.shelf, "company", CLOUD_PUBLIC) for _ in range(3)]
    assert more == [True, True, False]
    assert line.shelf.feed_cursor("company") == 7
    line.greet()
    assert not line.talk.due


def test_a_revision_that_the_cloud_did_not_sign_is_not_applied_nor_what_follows() -> None:
    line = a_line()
    made = revisions(3)
    made[1] = SealedRevision("company", 2, made[1].sealed, bytes(64))
    line.store.revisions["company"] = made
    with pytest.raises(FeedDamaged):
        fetch_page(line.store, line.shelf, "company", CLOUD_PUBLIC)
    assert line.shelf.feed_cursor("company") == 1


def test_a_revision_cannot_be_shown_under_another_number_or_scope() -> None:
    line = a_line()
    first = revisions(1)[0]
    moved = SealedRevision(BRANCH, 1, first.sealed, first.signature)
    line.store.revisions[BRANCH] = [moved]
    with pytest.raises(FeedDamaged):
        fetch_page(line.store, line.shelf, BRANCH, CLOUD_PUBLIC)


def test_a_revision_that_is_held_back_is_noticed() -> None:
    line = a_line()
    line.store.revisions["company"] = [revisions(2)[1]]
    with pytest.raises(RevisionOutOfOrder):
        fetch_page(line.store, line.shelf, "company", CLOUD_PUBLIC)


def test_a_new_router_with_an_empty_cache_takes_nothing_away() -> None:
    line = a_line()
    line.store.revisions["company"] = revisions(2)
    line.greet()
    fetch_page(line.store, line.shelf, "company", CLOUD_PUBLIC)
    line.store.revisions.clear()
    line.greet()
    assert line.talk.due == ()
    assert line.shelf.feed_cursor("company") == 2


def test_a_restored_clouds_feed_is_read_from_its_beginning() -> None:
    line = a_line(CLOUD)
    line.store.revisions["company"] = revisions(3)
    line.greet()
    fetch_page(line.store, line.shelf, "company", CLOUD_PUBLIC, is_cloud=True)
    line.store.revisions["company"] = revisions(1)
    line.greet()
    assert line.talk.due == ("company",)
    fetch_page(line.store, line.shelf, "company", CLOUD_PUBLIC, is_cloud=True)
    assert line.shelf.feed_cursor("company") == 1
