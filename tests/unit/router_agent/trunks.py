"""A router's shelf and the cloud that its trunk speaks to, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.operations.forward import Lane, Pick
from router_agent.operations.trunk import (
    CloudHead,
    LaneParcel,
    note_hello,
)
from sentra.link.errors import LinkDown
from sentra.link.parts import SnapshotPart
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Watermark,
)
from sentra.protocol.snapshot import SnapshotNote, unpack_items
from tests.fakes.memory_store import a_refusal
from tests.fakes.snapshots import Downloads, MemorySnapshot
from tests.support.journals import Journal

CLOUD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x07")
COMPANY = "company"


@dataclass
class Shelf(Downloads):
    """Segments by terminal in memory, with the interface of the vault's shelf."""

    segments: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    cloud: dict[str, Head] = field(default_factory=dict)
    marks: dict[str, Watermark] = field(default_factory=dict)
    revisions: list[SealedRevision] = field(default_factory=list)
    items: dict[str, bytes | None] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    seen_timeline: str = "first"
    downloads: dict[str, tuple[SnapshotNote, bytes]] = field(default_factory=dict)
    kept: SnapshotNote | None = None
    words: list[Watermark] = field(default_factory=list)
    answers: list[tuple[str, str, tuple[int, int]]] = field(default_factory=list)
    lane: list[LaneParcel] = field(default_factory=list)
    confirmed: set[bytes] = field(default_factory=set)

    def _waiting(self, terminal: str) -> list[bytes]:
        head = self.cloud.get(terminal, EMPTY)
        return [sealed for last, sealed in self.segments[terminal] if last > head.seq]

    def lanes(self) -> list[Lane]:
        return [
            Lane(name, len(self._waiting(name)), tuple(map(len, self._waiting(name))))
            for name in self.segments
        ]

    def parcels(self, pick: Pick) -> list[Parcel]:
        return [Parcel(sealed) for sealed in self._waiting(pick.terminal)[: pick.segments]]

    def terminals(self) -> list[str]:
        return list(self.segments)

    def set_cloud_heads(self, heads: Sequence[CloudHead]) -> None:
        for one in heads:
            self.cloud[one.terminal] = one.head
            if one.mark is not None:
                self.marks[one.terminal] = one.mark

    def note_answers(self, answers: Sequence[tuple[str, str, tuple[int, int]]]) -> None:
        self.answers += answers

    def lane_parcels(self, resting: frozenset[str], bytes_max: int) -> list[LaneParcel]:
        return [one for one in self.lane if one.digest not in self.confirmed]

    def confirm_lane(self, digests: Sequence[bytes]) -> None:
        self.confirmed.update(digests)

    def keep_words(self, archived: Sequence[Watermark], since: Watermark | None) -> None:
        self.words = [*archived, *([] if since is None else [since])]

    def timeline(self) -> str:
        return self.seen_timeline

    def set_timeline(self, timeline: str) -> None:
        self.seen_timeline = timeline

    def feed_cursor(self, scope: str) -> int:
        own = [r.revision for r in self.revisions if r.scope == scope]
        return max([self.snapshot_revision(scope), *own])

    def cache(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        self.revisions.append(revision)
        for item in items:
            self.items[item.key] = item.body
            self.stale.discard(item.key)

    def restart_feed(self, scope: str) -> None:
        self.revisions = [r for r in self.revisions if r.scope != scope]
        self.stale = set(self.items)

    def snapshot_revision(self, scope: str) -> int:
        return self.kept.revision if self.kept else 0

    def apply_snapshot(self, note: SnapshotNote) -> None:
        packed = self.taken(note)
        blocks = unpack_items(note.scope, [packed])
        self.items = {item.key: item.body for block in blocks for item in block}
        self.kept, self.revisions = note, []

    def settle_feed(self, scope: str) -> None:
        assert scope == COMPANY
        for key in self.stale:
            del self.items[key]
        self.stale = set()


@dataclass
class Cloud:
    """Answers what the test says."""

    outcomes: list[JournalOutcome] = field(default_factory=list)
    revisions: list[SealedRevision] = field(default_factory=list)
    sent: list[Sequence[Parcel]] = field(default_factory=list)
    breaks: bool = False
    kept_from: int = 1
    made: MemorySnapshot | None = None

    def hello(self, hello: Hello) -> HelloAnswer:
        raise AssertionError(f"not asked here: {hello}")

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        self.sent.append(parcels)
        if self.breaks:
            raise LinkDown("timeout", "cloud:443", "too slow")
        return JournalAnswer(outcomes=tuple(self.outcomes), credit_bytes=1234, pause_ms=5)

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        if after + 1 < self.kept_from:
            raise a_refusal("snapshot-needed", 410)
        behind = [r for r in self.revisions if r.scope == scope and r.revision > after]
        return max((r.revision for r in self.revisions), default=0), behind[:1]

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        if self.made is None:
            raise a_refusal("snapshot-absent", 503, retry=True)
        return self.made.part(begun, start)


def a_shelf(journal: Journal) -> Shelf:
    """Four entries in two segments, of which the cloud has none."""
    journal.sell(4)
    segments = [(2, journal.sealed(1, 2)), (4, journal.sealed(3, 4))]
    return Shelf({journal.terminal: segments})


def heard(shelf: Shelf, **changes: object) -> tuple[str, ...]:
    """The cloud's answer to a hello is noted; the scopes that are due."""
    said = HelloAnswer(
        protocol=1,
        software="test",
        clock_ms=0,
        timeline=str(changes.get("timeline", "first")),
        here=changes.get("here", {}),  # type: ignore[arg-type]  # what the test says
        cloud={},
        feed=changes.get("feed", {}),  # type: ignore[arg-type]  # what the test says
        segment_bytes_max=1,
        envelope_bytes_max=1,
    )
    return note_hello(said, shelf, CLOUD_KEY.public_key(), (COMPANY,))
