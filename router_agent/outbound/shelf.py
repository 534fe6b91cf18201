"""The router's store behind the small interface that the operations know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from router_agent.operations.forward import Lane, Pick
from router_agent.operations.trunk import CloudHead, LaneParcel, Place
from router_agent.outbound import decisions, forwarding, lane, store
from router_agent.outbound.snapshot_shelf import SnapshotShelf
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.messages import Watermark
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, read_identity, write_identity


class VaultShelf(SnapshotShelf):
    """Each call is one short transaction of the vault.

    `decided` is called after each change of the feed's items, by the thread that made it.
    """

    def __init__(self, vault: Vault, identity: Identity, decided: Callable[[], None]) -> None:
        self._router = identity.device_id
        self._timeline = identity.timeline
        super().__init__(vault, decided)

    def lanes(self) -> list[Lane]:
        """Each journal's backlog."""
        with self._vault.reader() as db:
            return store.lanes(db)

    def parcels(self, pick: Pick) -> list[Parcel]:
        """The picked segments, stamped."""
        with self._vault.reader() as db:
            return store.next_parcels(db, pick.terminal, pick.segments, self._router)

    def terminals(self) -> list[str]:
        """The terminals whose journals are here."""
        with self._vault.reader() as db:
            return [state.terminal for state in store.journals(db)]

    def set_cloud_heads(self, heads: Sequence[CloudHead]) -> None:
        """Moves journals' cloud heads, also backwards; writes only what is new."""
        with self._vault.reader() as db:
            known = {state.terminal: state for state in store.journals(db)}
            since_ms = _since_ms(store.since(db))
        moved = [
            one
            for one in heads
            if one.terminal not in known
            or known[one.terminal].cloud != one.head
            or (one.mark is not None and _is_lost(known[one.terminal].watermark, since_ms))
        ]
        if not moved:
            return
        with self._vault.writer() as db:
            for one in moved:
                store.set_cloud_head(db, known.get(one.terminal), one)

    def note_answers(self, answers: Sequence[tuple[str, str, Place]]) -> None:
        """What the cloud said of the journals of one envelope; writes only what is new."""
        with self._vault.reader() as db:
            new = [one for one in answers if forwarding.is_news(db, *one)]
        if new:
            with self._vault.writer() as db:
                for terminal, outcome, last in new:
                    forwarding.note_answer(db, terminal, outcome, last)

    def lane_parcels(self, resting: frozenset[str], bytes_max: int) -> list[LaneParcel]:
        """The fork lane's next segments that the cloud has not confirmed, of one terminal."""
        with self._vault.reader() as db:
            return lane.waiting(db, self._router, sorted(resting), bytes_max)

    def confirm_lane(self, digests: Sequence[bytes]) -> None:
        """The cloud has them, in one of its lanes."""
        with self._vault.writer() as db:
            lane.confirm(db, digests)

    def keep_words(self, archived: Sequence[Watermark], since: Watermark | None) -> None:
        """Keeps for the tills what the cloud signed; writes only what is new.

        A lower word is believed where it was signed later: then the cloud was restored.
        """
        with self._vault.reader() as db:
            known = {state.terminal: state.archived for state in store.journals(db)}
            since_known = store.since(db)
        since_ms = _since_ms(since or since_known)
        new = [mark for mark in archived if _is_news(mark, known, since_ms)]
        if not new and since in (None, since_known):
            return
        with self._vault.writer() as db:
            for mark in new:
                store.set_archived(db, mark)
            if since is not None:
                store.set_since(db, since)

    def timeline(self) -> str:
        """The cloud's timeline that was seen last."""
        return self._timeline

    def set_timeline(self, timeline: str) -> None:
        """Remembers another one."""
        with self._vault.writer() as db:
            present = read_identity(db)
            if present is not None:
                write_identity(db, replace(present, timeline=timeline))
            # A cloud that was restored may have lost what it had confirmed.
            lane.confirm_no_more(db)
        self._timeline = timeline

    def feed_cursor(self, scope: str) -> int:
        """The last revision cached."""
        with self._vault.reader() as db:
            return decisions.feed_cursor(db, scope)

    def cache(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """Keeps one revision, wholly."""
        with self._vault.writer() as db:
            decisions.cache_revision(db, revision, items)
        self._decided()

    def restart_feed(self, scope: str) -> None:
        """Forgets the scope's revisions; what they said holds until `settle_feed`."""
        with self._vault.writer() as db:
            decisions.restart_feed(db, scope)

    def settle_feed(self, scope: str) -> None:
        """The feed is whole again: what it did not say anew is no more."""
        with self._vault.reader() as db:
            stale = decisions.has_stale_items(db, scope)
        if stale:
            with self._vault.writer() as db:
                decisions.settle_feed(db, scope)
            self._decided()


def _is_news(mark: Watermark, known: Mapping[str, Watermark | None], since_ms: int) -> bool:
    if mark.terminal not in known:
        return False
    before = known[mark.terminal]
    if before is None or _is_lost(before, since_ms):
        return True
    return before.head != mark.head and before.at_ms < mark.at_ms


def _since_ms(since: Watermark | None) -> int:
    return 0 if since is None else since.at_ms


def _is_lost(known: Watermark | None, since_ms: int) -> bool:
    """What was signed before the cloud's present timeline began is no word for a till any more."""
    return known is None or known.at_ms < since_ms
