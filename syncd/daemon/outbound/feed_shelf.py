"""The till's vault behind the interface of the feed's steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sentra.protocol.feed import COMPANY, FeedItem, SealedRevision
from sentra.protocol.messages import Base, Watermark
from sentra.protocol.snapshot import SnapshotNote
from sentra.vault import archived, catalogue, retention, snapshots, staging, state, watermarks
from sentra.vault.database import GIVE_WAY_S, Vault
from sentra.vault.identity import Identity


class FeedShelf:
    """What a feed asks of a till's vault, and where its journal begins.

    Each call is one transaction, or several short ones: nobody who sells waits for long.
    """

    _vault: Vault
    _pause: Callable[[float], None]
    meanwhile: Callable[[], None]
    """What else is done between two transactions of a long change."""
    identity: Identity

    def scopes(self) -> tuple[str, ...]:
        """The company's feed and the branch's own."""
        return (COMPANY, self.identity.branch_id)

    def base(self) -> Base | None:
        """Where the journal begins, with the cloud's word for what was dropped before."""
        with self._vault.reader() as db:
            return retention.base_of(db)

    def cloud_word(self) -> Watermark | None:
        """The cloud's signed word on how far it has the journal. What was signed before its present
        timeline began may be lost again, and is no word at all."""
        with self._vault.reader() as db:
            mark = retention.marks_of(db, self.identity).get(archived.CLOUD)
            since_ms = watermarks.watermark_at_ms(db, "timeline")
        return mark if mark is not None and mark.at_ms >= since_ms else None

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
        catalogue.settle_feed(self._vault, scope, self._give_way)
        staging.tidy(self._vault, self._give_way)

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

    def apply(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """One revision, wholly or not at all: in one transaction where it is short."""
        if len(items) > staging.ITEMS_AT_ONCE:
            catalogue.apply_in_steps(self._vault, revision, items, self._give_way)
            staging.tidy(self._vault, self._give_way)
            return
        staging.tidy(self._vault, self._give_way)
        with self._vault.writer() as db:
            catalogue.apply_revision(db, revision, items)

    def apply_snapshot(self, note: SnapshotNote) -> None:
        """Writes what it says otherwise, in short transactions, and makes it true in one."""
        snapshots.apply_snapshot(self._vault, note, self._give_way)
        staging.tidy(self._vault, self._give_way)

    def _give_way(self) -> None:
        """Between two transactions: whoever waits for the vault has it now."""
        self._vault.checkpoint()
        self._pause(GIVE_WAY_S)
        self.meanwhile()
