"""Fetches what was decided, revision by revision, each verified before it is applied."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.feed import open_revision
from syncd.daemon.operations.ports import Shelf, Store


def fetch_page(store: Store, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey) -> bool:
    """Applies one page of a scope's feed; whether there may be more.

    A revision that the cloud did not sign as it stands raises FeedDamaged and is not applied, nor
    is anything behind it. Raises LinkDown, LinkRefused, RevisionOutOfOrder.
    """
    before = shelf.feed_cursor(scope)
    head, revisions = store.feed(scope, before)
    for revision in revisions:
        shelf.apply(revision, open_revision(revision, cloud_key))
    after = shelf.feed_cursor(scope)
    return before < after < head
