"""Fetches what was decided, step by step: a page of revisions, or the next part of a snapshot.

Everything is verified before it is applied: a revision by its signature, a snapshot by its note's
signature, its digest and the timeline that it is of.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.download import fetch_part
from sentra.link.errors import LinkRefused
from sentra.protocol.feed import open_dated
from sentra.protocol.snapshot import CURSOR_BEYOND, SNAPSHOT_NEEDED, SnapshotNote
from syncd.daemon.operations.ports import Shelf, Store, Talk

_NOT_FOUND = 404


def still_due(talk: Talk, shelf: Shelf) -> tuple[str, ...]:
    """The scopes to fetch from a store. None where another one has told of a later timeline since
    it was greeted: its decisions would be taken for those of the new one."""
    return talk.due if talk.timeline in ("", shelf.timeline()) else ()


def fetch_page(
    store: Store, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey, *, is_cloud: bool = False
) -> bool:
    """Applies one page of a scope's feed, or takes one step with its snapshot; whether there may
    be more.

    After a restart of the feed, what it does not say anew must go. Where a feed ends only the cloud
    itself is believed; of a router a snapshot is asked for, which it cannot cut short. So it is for
    a revision of another timeline than the present one: the cloud may have lost it since.

    What the cloud did not sign as it stands raises FeedDamaged or SnapshotDamaged and is not
    applied, nor is anything behind it. Raises LinkDown, LinkRefused, RevisionOutOfOrder.
    """
    is_restarted = shelf.has_stale_items(scope)
    if shelf.snapshot_begun(scope) is not None or (is_restarted and not is_cloud):
        try:
            return _fetch_part(store, shelf, scope, cloud_key)
        except LinkRefused as refused:
            if refused.problem.status != _NOT_FOUND:
                raise
            # A store of an older version, which has no snapshots.
    before = shelf.feed_cursor(scope)
    try:
        head, revisions = store.feed(scope, before)
    except LinkRefused as refused:
        if refused.slug == SNAPSHOT_NEEDED:
            return _fetch_part(store, shelf, scope, cloud_key)
        if refused.slug == CURSOR_BEYOND:
            # The next hello compares both ends, and restarts the feed where that is right.
            return False
        raise
    for revision in revisions:
        timeline, items = open_dated(revision, cloud_key)
        if not is_cloud and timeline not in (None, shelf.timeline()):
            return _fetch_part(store, shelf, scope, cloud_key)
        shelf.apply(revision, items)
    after = shelf.feed_cursor(scope)
    if is_restarted and is_cloud and after >= head:
        shelf.settle_feed(scope)
    return before < after < head


def _fetch_part(store: Store, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey) -> bool:
    def leads_further(note: SnapshotNote) -> bool:
        return note.revision > shelf.feed_cursor(scope) or shelf.has_stale_items(scope)

    fetch_part(store, shelf, scope, cloud_key, leads_further)
    return True
