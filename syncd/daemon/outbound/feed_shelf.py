"""The till's vault behind the interface of the feed's steps."""

from __future__ import annotations

from collections.abc import Mapping

from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import Base
from sentra.protocol.snapshot import SnapshotNote
from sentra.vault import catalogue, retention, snapshots, state
from sentra.vault.database import Vault
from sentra.vault.identity import Identity


class FeedShelf:
    """What a feed asks of a till's vault beside single revisions, and where its journal begins.

    Each call is one transaction.
    """

    _vault: Vault
    identity: Identity

    def scopes(self) -> tuple[str, ...]:
        """The company's feed and the branch's own."""
        return (COMPANY, self.identity.branch_id)

    def base(self) -> Base | None:
        """Where the journal begins, with the cloud's word for what was dropped before."""
        with self._vault.reader() as db:
            return retention.base_of(db)

    def note_feed_heads(self, heads: Mapping[str, int]) -> None:
        """How far the feeds are there, for the screen of a till that waits for its first."""
        own = {scope: heads[scope] for scope in self.scopes() if scope in heads}
        with self._vault.reader() as db:
            known = state.get(db, state.FEED_HEADS)
        if own and own != known:
            with self._vault.writer() as db:
                state.put(db, state.FEED_HEADS, own)

    def has_stale_items(self, scope: str) -> bool:
        """Whether the feed was restarted and something was not yet said anew."""
        with self._vault.reader() as db:
            return catalogue.has_stale_items(db, scope)

    def settle_feed(self, scope: str) -> None:
        """Drops what the restarted feed did not say anew."""
        with self._vault.writer() as db:
            catalogue.settle_feed(db, scope)

    def snapshot_begun(self, scope: str) -> snapshots.Held | None:
        """The snapshot on its way here."""
        with self._vault.reader() as db:
            return snapshots.begun(db, scope)

    def begin_snapshot(self, note: SnapshotNote) -> bool:
        """Begins a download in place of the one that was under way."""
        with self._vault.writer() as db:
            return snapshots.begin(db, note)

    def add_part(self, note: SnapshotNote, start: int, body: bytes) -> None:
        """Keeps the next bytes of it."""
        with self._vault.writer() as db:
            snapshots.add_part(db, note, start, body)

    def give_up_snapshot(self, scope: str) -> None:
        """Forgets the download."""
        if self.snapshot_begun(scope) is not None:
            with self._vault.writer() as db:
                snapshots.give_up(db, scope)

    def apply_snapshot(self, note: SnapshotNote) -> None:
        """Compares beside whoever sells, then writes what differs in one transaction."""
        with self._vault.reader() as db:
            snapshots.check(db, note)
            found = snapshots.difference(db, note)
        with self._vault.writer() as db:
            snapshots.apply_snapshot(db, note, found)
