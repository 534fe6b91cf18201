"""The two things that the steps reach, as they see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.link.parts import SnapshotPart
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.journal_page import JournalPage
from sentra.protocol.messages import Base, Hello, HelloAnswer, JournalAnswer, Watermark
from sentra.protocol.snapshot import SnapshotNote
from sentra.vault.epochs import Regained, Restored
from sentra.vault.snapshots import Held

StoreName = Literal["router", "cloud"]

ROUTER: Final[StoreName] = "router"
CLOUD: Final[StoreName] = "cloud"

CREDIT_BYTES_START: Final = 1024 * 1024
"""Sent before a store has granted more: one large segment, or a day's live sales."""


class Pages(Protocol):
    """Whoever gives a terminal its own journal back."""

    def journal(self, after: Head) -> JournalPage:
        """Its segments behind a head. Raises LinkDown, LinkRefused, PageDamaged."""


class Store(Pages, Protocol):
    """The other end, whichever it is. Every call raises LinkDown or LinkRefused."""

    def hello(self, hello: Hello) -> HelloAnswer:
        """Compares heads and clocks."""

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        """One envelope; the answer comes when it is durable there."""

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        """(head there, revisions in order)."""

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        """The next part of the snapshot whose digest is `begun`, or another from its beginning."""


class Shelf(Protocol):
    """The till's vault: each call is one short transaction."""

    def terminal(self) -> str:
        """The device's id."""

    def scopes(self) -> tuple[str, ...]:
        """The feeds that this terminal reads."""

    def timeline(self) -> str:
        """The cloud's timeline that this terminal saw last."""

    def set_timeline(self, timeline: str) -> None:
        """Remembers another one."""

    def head(self) -> Head:
        """The end of the journal."""

    def holds(self, head: Head) -> bool:
        """Whether the journal has exactly this entry (true for the empty head)."""

    def hash_at(self, epoch: int, seq: int) -> bytes | None:
        """The hash at one place of the journal; None where nothing stands there."""

    def public_key(self) -> Ed25519PublicKey:
        """What this terminal's segments are signed with."""

    def is_provisional(self) -> bool:
        """Whether the vault was put back and has not heard yet what its stores hold."""

    def settled_end(self) -> Head:
        """The end of the journal before a provisional epoch."""

    def has_left(self, head: Head) -> bool:
        """Whether this is an entry of a line that the journal left, its fact recorded again."""

    def regain(self, found: Regained, now_ms: int) -> Restored:
        """Takes up what was fetched and opens the next epoch, in one transaction."""

    def is_forked(self) -> bool:
        """Whether the cloud is known to hold another machine's line in this terminal's name."""

    def note_fork(self, stored: int, now_ms: int) -> None:
        """Remembers that it does, and how many entries of this line are stored aside."""

    def watermark(self, name: str) -> Head:
        """How far the journal has come there."""

    def watermark_at_ms(self, name: str) -> int:
        """When it was set, by the clock of who set it; 0 for one that never was."""

    def set_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> bool:
        """Moves it forward; whether it moved."""

    def reset_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> None:
        """Sets it, also back."""

    def base(self) -> Base | None:
        """Where the journal begins, with the cloud's word for what was dropped before; None: it is
        here from its beginning."""

    def cloud_word(self) -> Watermark | None:
        """The cloud's signed word on how far it has the journal, of its present timeline."""

    def seal_pending(self) -> int:
        """Seals what no segment holds; how many entries."""

    def parcels_after(self, head: Head, bytes_max: int, segments_max: int) -> list[bytes]:
        """Sealed segments beyond a head, at least one where there is any."""

    def feed_cursor(self, scope: str) -> int:
        """The last revision applied."""

    def apply(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """One revision, wholly or not at all. Raises RevisionOutOfOrder."""

    def restart_feed(self, scope: str) -> None:
        """Reads the scope from its first revision again; what is there stays until replaced."""

    def has_stale_items(self, scope: str) -> bool:
        """Whether the feed was restarted and something was not yet said anew."""

    def settle_feed(self, scope: str) -> None:
        """The feed is whole again: what it did not say anew is no more."""

    def snapshot_begun(self, scope: str) -> Held | None:
        """The snapshot on its way here, and how much of it has come."""

    def begin_snapshot(self, note: SnapshotNote) -> bool:
        """Begins a download in place of the one that was under way. False where the very file is
        here, of an earlier revision that said the same: then this one is applied by it."""

    def add_part(self, note: SnapshotNote, start: int, body: bytes) -> None:
        """Keeps the next bytes of it."""

    def give_up_snapshot(self, scope: str) -> None:
        """Forgets the download."""

    def apply_snapshot(self, note: SnapshotNote) -> None:
        """The scope is what the downloaded snapshot says, wholly or not at all.

        Raises SnapshotDamaged, RevisionOutOfOrder.
        """


@dataclass(slots=True)
class Talk:
    """What was said with one store since it was greeted.

    `here` is the head that it named, `head` the last own entry that it holds; `credit_bytes` what
    it takes next, after `pause_ms`; `due` are the scopes whose feed it has further than this till.
    `notice` and `advice` are words for what a person must see; the first stops the sending until
    the next hello. `doubt`: what a router showed the cloud to have, by its signature, and is not
    here. `aside`: where two machines use one identity, how far this one's line was sent to the
    fork lane, and `stored_aside` how many of its entries. `timeline` is the one that its decisions
    are of, empty where a store of an older version signs none.
    """

    store: StoreName
    head: Head = EMPTY
    here: Head = EMPTY
    greeted_at_ms: int | None = None
    credit_bytes: int = CREDIT_BYTES_START
    pause_ms: int = 0
    segment_bytes_max: int = 0
    due: tuple[str, ...] = ()
    timeline: str = ""
    notice: str | None = None
    advice: str | None = None
    doubt: Head | None = None
    aside: Head | None = None
    stored_aside: int = 0
