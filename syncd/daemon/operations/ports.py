"""The two things that the steps reach, as they see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.messages import Hello, HelloAnswer, JournalAnswer

StoreName = Literal["router", "cloud"]

ROUTER: Final[StoreName] = "router"
CLOUD: Final[StoreName] = "cloud"

CREDIT_BYTES_START: Final = 1024 * 1024
"""Sent before a store has granted more: one large segment, or a day's live sales."""


class Store(Protocol):
    """The other end, whichever it is. Every call raises LinkDown or LinkRefused."""

    def hello(self, hello: Hello) -> HelloAnswer:
        """Compares heads and clocks."""

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        """One envelope; the answer comes when it is durable there."""

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        """(head there, revisions in order)."""


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

    def watermark(self, name: str) -> Head:
        """How far the journal has come there."""

    def watermark_at_ms(self, name: str) -> int:
        """When it was set, by the clock of who set it; 0 for one that never was."""

    def set_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> bool:
        """Moves it forward; whether it moved."""

    def reset_watermark(self, name: str, head: Head, at_ms: int, signature: str | None) -> None:
        """Sets it, also back."""

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


@dataclass(slots=True)
class Talk:
    """What was said with one store since it was greeted.

    `head` is the last entry that it holds; `credit_bytes` what it takes next, after `pause_ms`;
    `due` are the scopes whose feed it has further than this till. `notice` and `advice` are words
    for what a person must see; the first stops the sending until the next hello.
    """

    store: StoreName
    head: Head = EMPTY
    greeted_at_ms: int | None = None
    credit_bytes: int = CREDIT_BYTES_START
    pause_ms: int = 0
    segment_bytes_max: int = 0
    due: tuple[str, ...] = ()
    notice: str | None = None
    advice: str | None = None
