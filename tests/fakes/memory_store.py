"""A store in memory that keeps every promise of the protocol: a router, or the cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.link.errors import LinkDown, LinkRefused
from sentra.link.parts import SnapshotPart
from sentra.protocol.entry import EMPTY, GENESIS, Entry, Head, head_of
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, Parcel
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import SealedRevision
from sentra.protocol.journal_page import JournalPage, fill_page
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Problem,
    Watermark,
    note_of,
    problem_type,
    sign_watermark,
)
from sentra.protocol.segment import SEGMENT_BYTES_MAX, check_signature, open_segment, read_header
from sentra.protocol.snapshot import SNAPSHOT_NEEDED
from tests.fakes.snapshots import MemorySnapshot

FEED_PAGE = 3
"""Revisions in one page, so that tests need more than one."""


@dataclass(slots=True)
class MemoryStore:
    """`cloud_key` signs watermarks; without one this is a router. `down` and `refuses` are faults:
    the first means no answer, the second the slug of a problem."""

    keys: dict[str, Ed25519PublicKey]
    cloud_key: Ed25519PrivateKey | None = None
    timeline: str = "timeline"
    clock_ms: int = 1_000_000
    credit_bytes: int = 1024 * 1024
    pause_ms: int = 0
    down: bool = False
    refuses: str | None = None
    journals: dict[str, list[Entry]] = field(default_factory=dict)
    marks: dict[str, Watermark] = field(default_factory=dict)
    revisions: dict[str, list[SealedRevision]] = field(default_factory=dict)
    kept_from: int = 1
    snapshots: dict[str, MemorySnapshot] = field(default_factory=dict)
    hellos: list[Hello] = field(default_factory=list)
    sent: list[list[bytes]] = field(default_factory=list)

    def head(self, terminal: str) -> Head:
        """The last entry held without a gap."""
        entries = self.journals.get(terminal)
        return head_of(entries[-1]) if entries else EMPTY

    def hello(self, hello: Hello) -> HelloAnswer:
        """Heads of the terminals that it was asked about."""
        self._meet()
        self.hellos.append(hello)
        terminals = [terminal for terminal in hello.heads if terminal in self.journals]
        marks = [(terminal, self._mark(terminal)) for terminal in hello.heads]
        return HelloAnswer(
            protocol=1,
            software="fake",
            clock_ms=self.clock_ms,
            timeline=self.timeline,
            here={terminal: note_of(self.head(terminal)) for terminal in terminals},
            cloud={terminal: mark for terminal, mark in marks if mark is not None},
            feed={scope: revisions[-1].revision for scope, revisions in self.revisions.items()},
            segment_bytes_max=SEGMENT_BYTES_MAX,
            envelope_bytes_max=ENVELOPE_BYTES_MAX,
        )

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        """Appends what follows, skips what it has, and says so for each journal."""
        self._meet()
        self.sent.append([parcel.sealed for parcel in parcels])
        outcomes: dict[str, JournalOutcome] = {}
        for parcel in parcels:
            outcome = self._take(parcel.sealed)
            before = outcomes.get(outcome.terminal)
            if before is None or before.outcome in ("appended", "already"):
                outcomes[outcome.terminal] = outcome
        return JournalAnswer(
            outcomes=tuple(outcomes.values()),
            credit_bytes=self.credit_bytes,
            pause_ms=self.pause_ms,
        )

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        """A page of the revisions behind a cursor."""
        self._meet()
        if after + 1 < self.kept_from:
            raise a_refusal(SNAPSHOT_NEEDED, 410)
        revisions = self.revisions.get(scope, [])
        behind = [revision for revision in revisions if revision.revision > after]
        return (revisions[-1].revision if revisions else 0), behind[:FEED_PAGE]

    def journal(self, after: Head) -> JournalPage:
        """The speaker's own segments; a store of one terminal, so there is no other's."""
        self._meet()
        (terminal,) = self.journals
        return JournalPage(self.head(terminal), fill_page(self._behind(terminal, after)))

    def _behind(self, terminal: str, after: Head) -> list[bytes]:
        """Sealed bytes as they came, which reach beyond a place."""
        held = {(entry.epoch, entry.seq): entry.hash for entry in self.journals[terminal]}
        found = {}
        for sealed in (one for each in self.sent for one in each):
            header = read_header(sealed)
            place = (header.epoch, header.last_seq)
            if place > (after.epoch, after.seq) and held.get(place) == header.last_hash:
                found[place] = sealed
        return [found[place] for place in sorted(found)]

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        """The next part of the scope's snapshot."""
        self._meet()
        if scope not in self.snapshots:
            raise a_refusal("snapshot-absent", 503, retry=True)
        return self.snapshots[scope].part(begun, start)

    def _take(self, sealed: bytes) -> JournalOutcome:
        terminal = "unreadable"
        try:
            header = check_signature(sealed, self._key_of(sealed))
            terminal = header.terminal
            held = self.journals.setdefault(terminal, [])
            head = self.head(terminal)
            if header.epoch == head.epoch and header.first_seq > head.seq + 1:
                return self._outcome(terminal, "gap")
            known = [e for e in held if (e.epoch, e.seq) < (header.epoch, header.first_seq)]
            entries = open_segment(sealed, known[-1].hash if known else GENESIS)
        except ProtocolError as error:
            word = "fork" if error.slug == "chain-broken" else "refused"
            return self._outcome(terminal, word, problem=error.slug)
        end = (head.epoch, head.seq)
        if any(entry not in held for entry in entries if (entry.epoch, entry.seq) <= end):
            return self._outcome(terminal, "fork")
        new = [e for e in entries if (e.epoch, e.seq) > end]
        held += new
        return self._outcome(terminal, "appended" if new else "already", appended=len(new))

    def _key_of(self, sealed: bytes) -> Ed25519PublicKey:
        text = sealed[5:21].hex()
        parts = (text[:8], text[8:12], text[12:16], text[16:20], text[20:])
        return self.keys["-".join(parts)]

    def _outcome(
        self, terminal: str, word: str, *, appended: int = 0, problem: str | None = None
    ) -> JournalOutcome:
        return JournalOutcome(
            terminal=terminal,
            outcome=word,
            here=note_of(self.head(terminal)),
            appended=appended,
            cloud=self._mark(terminal),
            problem=problem,
        )

    def _mark(self, terminal: str) -> Watermark | None:
        if self.cloud_key is not None and self.head(terminal) != EMPTY:
            head = self.head(terminal)
            return sign_watermark(self.cloud_key, "cloud", terminal, head, self.clock_ms)
        return self.marks.get(terminal)

    def _meet(self) -> None:
        if self.down:
            raise LinkDown("no-answer", "memory", "it is down")
        if self.refuses is not None:
            raise a_refusal(self.refuses, 403)


def a_refusal(slug: str, status: int, *, retry: bool = False) -> LinkRefused:
    """What a client raises for a problem."""
    problem = Problem(type=problem_type(slug), title="no", status=status, retry=retry)
    return LinkRefused("memory", problem)
