"""The router's store behind the small interface that the operations know."""

from __future__ import annotations

from collections.abc import Sequence

from router_agent.operations.forward import Lane, Pick
from router_agent.outbound import store
from sentra.protocol.entry import Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.messages import Watermark
from sentra.vault.database import Vault


class VaultShelf:
    """Each call is one short transaction of the vault."""

    def __init__(self, vault: Vault, router: str) -> None:
        self._vault = vault
        self._router = router

    def lanes(self) -> list[Lane]:
        """Each journal's backlog."""
        with self._vault.reader() as db:
            return store.lanes(db)

    def parcels(self, pick: Pick) -> list[Parcel]:
        """The picked segments, stamped."""
        with self._vault.reader() as db:
            return store.next_parcels(db, pick.terminal, pick.segments, self._router)

    def set_cloud_head(self, terminal: str, head: Head, mark: Watermark | None) -> None:
        """Moves a journal's cloud head, also backwards."""
        with self._vault.writer() as db:
            store.set_cloud_head(db, terminal, head, mark)

    def feed_cursor(self, scope: str) -> int:
        """The last revision cached."""
        with self._vault.reader() as db:
            return store.feed_cursor(db, scope)

    def cache(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """Keeps one revision, wholly."""
        with self._vault.writer() as db:
            store.cache_revision(db, revision, items)
