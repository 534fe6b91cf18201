"""Talk to the cloud: say hello, send what waits, fetch what was decided.

A `Cloud` is the link, a `Shelf` the router's store; both are passed in, so that a simulation can
run these very steps. Each step says whether it found work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.forward import Lane, Pick, choose, cloud_head_after
from sentra.protocol.entry import Head
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel
from sentra.protocol.feed import FeedItem, SealedRevision, open_revision
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Watermark,
    watermark_is_true,
)

CREDIT_BYTES_START = 1024 * 1024
"""Sent before the cloud has granted more: one large segment or a day's live sales."""


class Cloud(Protocol):
    """The cloud end, over whatever line."""

    def hello(self, hello: Hello) -> HelloAnswer:
        """Raises LinkDown or LinkRefused, as the others do."""

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        """One envelope."""

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        """(head there, revisions in order)."""


class Shelf(Protocol):
    """What the router keeps."""

    def lanes(self) -> list[Lane]:
        """Each journal's backlog."""

    def parcels(self, pick: Pick) -> list[Parcel]:
        """The picked segments."""

    def set_cloud_head(self, terminal: str, head: Head, mark: Watermark | None) -> None:
        """Moves a journal's cloud head, also backwards."""

    def feed_cursor(self, scope: str) -> int:
        """The last revision cached."""

    def cache(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        """Keeps one revision, wholly."""


@dataclass(slots=True)
class Credit:
    """What the cloud lets us send next, and for how long it asks us to wait first."""

    size_bytes: int = CREDIT_BYTES_START
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """One envelope's result. `outcomes` as the cloud gave them; `moved` is whether any advanced."""

    outcomes: tuple[JournalOutcome, ...]
    moved: bool


def note_hello(answer: HelloAnswer, shelf: Shelf, cloud_key: Ed25519PublicKey) -> None:
    """Takes the cloud's heads as the truth of what it has, whether higher or lower than thought."""
    for terminal, note in answer.here.items():
        mark = answer.cloud.get(terminal)
        shelf.set_cloud_head(terminal, note.to_head(), _checked(mark, cloud_key))


def _checked(mark: Watermark | None, cloud_key: Ed25519PublicKey) -> Watermark | None:
    return mark if mark is not None and watermark_is_true(mark, cloud_key) else None


def send_next(
    cloud: Cloud,
    shelf: Shelf,
    credit: Credit,
    cloud_key: Ed25519PublicKey,
    resting: frozenset[str] = frozenset(),
) -> Sent | None:
    """Sends one envelope; None where nothing waits. Journals in `resting` are left out.

    A cursor moves only on the cloud's answer. Raises LinkDown or LinkRefused.
    """
    lanes = [lane for lane in shelf.lanes() if lane.terminal not in resting]
    picks = choose(lanes, min(credit.size_bytes, ENVELOPE_BYTES_MAX * 3 // 4))
    parcels = [parcel for pick in picks for parcel in shelf.parcels(pick)]
    if not parcels:
        return None
    answer = cloud.send(parcels)
    credit.size_bytes, credit.pause_ms = answer.credit_bytes, answer.pause_ms
    moved = False
    for outcome in answer.outcomes:
        head = cloud_head_after(outcome)
        if head is not None:
            shelf.set_cloud_head(outcome.terminal, head, _checked(outcome.cloud, cloud_key))
        moved = moved or outcome.outcome in ("appended", "already", "gap")
    return Sent(answer.outcomes, moved)


def fetch_feed(cloud: Cloud, shelf: Shelf, scope: str, cloud_key: Ed25519PublicKey) -> int:
    """Caches what is new in one scope, revision by revision; returns how many.

    Raises FeedDamaged before anything of a revision that the cloud did not sign is kept.
    """
    count = 0
    while True:
        head, revisions = cloud.feed(scope, shelf.feed_cursor(scope))
        for revision in revisions:
            shelf.cache(revision, open_revision(revision, cloud_key))
            count += 1
        if not revisions or shelf.feed_cursor(scope) >= head:
            return count
