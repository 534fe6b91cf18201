"""Prove a stored journal: its chain, its seals, its gaps and its shifts.

Pure: stored things in, findings out, each naming the entry where it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.events import Fact
from sentra.finding import OTHER_BYTES, Finding, found
from sentra.projection.shifts import ShiftSums
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head, first_broken, head_of
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import check_signature, open_segment, sealed_digest

N_: Final = str
Place = tuple[int, int]
"""(epoch, seq)."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A sealed segment as its row has it."""

    epoch: int
    first_seq: int
    last_seq: int
    last_hash: bytes
    sealed: bytes
    sealed_sha256: bytes


def fact_of(entry: Entry) -> Fact | None:
    """The entry's fact; None where this version cannot read it, or it was altered into none."""
    try:
        return decode_fact(entry.kind, entry.schema, entry.body)
    except (UnknownKind, BodyUnreadable):
        return None


def receipt_of(fact: Fact | None) -> str:
    """The number of the fact's receipt; "" where it has none."""
    return str(getattr(fact, "receipt_number", ""))


class JournalProof:
    """Walks one terminal's journal in order, in blocks of entries with the segments that end in
    them; remembers enough of the block before for segments that reach across."""

    def __init__(self, branch_id: str, terminal_id: str, key: Ed25519PublicKey) -> None:
        self._branch, self._terminal, self._key = branch_id, terminal_id, key
        self._entries: dict[Place, Entry] = {}
        self._before: dict[Place, bytes] = {}
        self._ends: dict[int, int] = {}
        self._sealed_to: Place = (EMPTY.epoch, 0)
        self._shifts = ShiftSums()
        self.head: Head = EMPTY
        self.count = 0

    def block(
        self, entries: Sequence[Entry], segments: Iterable[StoredSegment]
    ) -> Iterator[Finding]:
        """The findings of one block, the first broken entry first."""
        yield from self._chain(entries)
        for segment in segments:
            yield from self._segment(segment)
        # A segment holds no more entries than a block: older ones are not asked for again.
        self._entries = {(entry.epoch, entry.seq): entry for entry in entries}

    def end(self, head: Head, entry_count: int) -> Iterator[Finding]:
        """Whether head and count say what is there, and every entry was in a segment."""
        if head != self.head:
            yield self._found(
                "head",
                (self.head.epoch, self.head.seq),
                N_("the head says %(said)s, the last entry is another"),
                said=f"{head.epoch}/{head.seq}",
            )
        if entry_count != self.count:
            yield self._found(
                "head",
                (self.head.epoch, self.head.seq),
                N_("the head counts %(counted)s entries, there are %(count)s"),
                counted=entry_count,
                count=self.count,
            )
        if self._sealed_to != (self.head.epoch, self.head.seq):
            yield self._unsealed()

    def shift(self, entry: Entry, fact: Fact) -> Iterator[Finding]:
        """Count a fact in; at a shift's close, what the till said otherwise than its journal."""
        before = self._before[entry.epoch, entry.seq]
        for name, till, journal in self._shifts.add(fact, entry.epoch, before):
            yield self._found(
                "shift",
                (entry.epoch, entry.seq),
                N_("at its close the till said %(name)s %(till)s, its journal says %(journal)s"),
                name=name,
                till=till,
                journal=journal,
            )

    def _chain(self, entries: Sequence[Entry]) -> Iterator[Finding]:
        """Behind a broken entry its stored hash is believed again, so that others are found too."""
        for entry in entries:
            place = (entry.epoch, entry.seq)
            self._before[place] = self.head.hash
            if first_broken([entry], self.head) is not None:
                sentence = N_("the entry was altered, or one before it is missing")
                yield self._found("chain", place, sentence, receipt=receipt_of(fact_of(entry)))
            self._entries[place] = entry
            self._ends[entry.epoch] = entry.seq
            self.head = head_of(entry)
            self.count += 1
        if len(self._before) > 2 * len(self._entries):
            self._before = {place: self._before[place] for place in self._entries}

    def _segment(self, segment: StoredSegment) -> Iterator[Finding]:
        first = (segment.epoch, segment.first_seq)
        epoch, seq = self._sealed_to
        is_next_epoch = first[1] == 1 and first[0] > epoch and self._ends.get(epoch, 0) <= seq
        if first > (epoch, seq + 1) and not is_next_epoch:
            yield self._unsealed()
        self._sealed_to = max(self._sealed_to, (segment.epoch, segment.last_seq))
        try:
            header = check_signature(segment.sealed, self._key)
            opened = open_segment(segment.sealed, self._before.get(first, EMPTY.hash))
        except ProtocolError as error:
            yield self._found("segment", first, error.detail)
            return
        says = (header.epoch, header.first_seq, header.last_seq, header.last_hash)
        if says != (*first, segment.last_seq, segment.last_hash):
            yield self._found("segment", first, N_("its row says otherwise than its header"))
            return
        for sealed in opened:
            place = (sealed.epoch, sealed.seq)
            if self._entries.get(place) != sealed:
                receipt = receipt_of(fact_of(sealed))
                sentence = N_("its segment holds it otherwise")
                yield self._found("segment", place, sentence, receipt=receipt)
                return
        if sealed_digest(segment.sealed) != segment.sealed_sha256:
            yield self._found("segment", first, OTHER_BYTES)

    def _unsealed(self) -> Finding:
        epoch, seq = self._sealed_to
        return self._found("segment", (epoch, seq + 1), N_("no segment holds this entry"))

    def _found(
        self, kind: str, place: Place, sentence: str, *, receipt: str = "", **values: object
    ) -> Finding:
        return found(
            kind,
            place[0],
            place[1],
            sentence,
            receipt=receipt,
            terminal_id=self._terminal,
            branch_id=self._branch,
            **values,
        )
