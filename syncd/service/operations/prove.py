"""Prove what is stored: chain, seals, gaps, shifts and rows, against what they must be.

Pure: stored things in, differences out, each naming the first entry where it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Date

from sentra.events import (
    Fact,
    RefundCompleted,
    SaleCompleted,
    SaleVoided,
    ShiftClosed,
)
from sentra.ids import is_id
from sentra.projection import rollups
from sentra.projection.rollups import ROLLUPS, Increments
from sentra.projection.rows import Place, Row, project
from sentra.projection.tables import SHARED
from sentra.protocol.entry import EMPTY, Entry, Head, first_broken, head_of
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import check_signature, open_segment

CASH: Final = "cash"
KEY_COLUMN: Final = {table.name: list(table.columns)[1].name for table in SHARED}
"""The column behind branch_id in each table's key: the fact's own id."""

_DAYS: Final = {
    table.name: [at for at, column in enumerate(table.columns) if isinstance(column.type, Date)]
    for table in (*SHARED, *ROLLUPS.values())
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be. `seq` 0: the whole of the terminal, or of the branch."""

    kind: str
    branch_id: str
    terminal_id: str | None
    epoch: int
    seq: int
    detail: str


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A sealed segment as its row has it."""

    epoch: int
    first_seq: int
    last_seq: int
    sealed: bytes


class JournalProof:
    """Walks one terminal's journal in order, in blocks of entries with the segments that end in
    them; remembers enough of the block before for segments that reach across."""

    def __init__(self, branch_id: str, terminal_id: str, key: Ed25519PublicKey) -> None:
        self._branch, self._terminal, self._key = branch_id, terminal_id, key
        self._entries: dict[tuple[int, int], Entry] = {}
        self._before: dict[tuple[int, int], bytes] = {}
        self._sealed_to = (EMPTY.epoch, 0)
        self.head: Head = EMPTY
        self.count = 0

    def block(
        self, entries: Sequence[Entry], segments: Iterable[StoredSegment]
    ) -> Iterator[Difference]:
        """The differences of one block, the first broken entry first."""
        yield from self._chain(entries)
        for segment in segments:
            yield from self._segment(segment)
        # A segment holds no more entries than a block: older ones are not asked for again.
        self._entries = {(entry.epoch, entry.seq): entry for entry in entries}

    def end(self, head: Head, entry_count: int) -> Iterator[Difference]:
        """Whether head and count say what is there, and every entry was in a segment."""
        if head != self.head:
            detail = f"the head says {head.epoch}/{head.seq}, the last entry is another"
            yield self._difference("head", self.head.epoch, self.head.seq, detail)
        if entry_count != self.count:
            detail = f"the head counts {entry_count} entries, there are {self.count}"
            yield self._difference("head", self.head.epoch, self.head.seq, detail)
        if self._sealed_to != (self.head.epoch, self.head.seq):
            epoch, seq = self._sealed_to
            yield self._difference("segment", epoch, seq + 1, "no segment holds this entry")

    def hash_before(self, entry: Entry) -> bytes:
        """The hash that the entry chains to, as stored."""
        return self._before[entry.epoch, entry.seq]

    def _chain(self, entries: Sequence[Entry]) -> Iterator[Difference]:
        """Behind a broken entry its stored hash is believed again, so that others are found too."""
        for entry in entries:
            place = (entry.epoch, entry.seq)
            self._before[place] = self.head.hash
            if first_broken([entry], self.head) is not None:
                detail = "the entry was altered, or one before it is missing"
                yield self._difference("chain", *place, detail)
            self._entries[place] = entry
            self.head = head_of(entry)
            self.count += 1
        if len(self._before) > 2 * len(self._entries):
            self._before = {place: self._before[place] for place in self._entries}

    def _segment(self, segment: StoredSegment) -> Iterator[Difference]:
        first = (segment.epoch, segment.first_seq)
        reach = (segment.epoch, segment.last_seq)
        expected = (self._sealed_to[0], self._sealed_to[1] + 1)
        if first > expected and first != (expected[0] + 1, 1):
            yield self._difference("segment", *expected, "no segment holds this entry")
        self._sealed_to = max(self._sealed_to, reach)
        stored = [
            self._entries.get((segment.epoch, seq))
            for seq in range(segment.first_seq, segment.last_seq + 1)
        ]
        try:
            check_signature(segment.sealed, self._key)
            opened = open_segment(segment.sealed, self._before.get(first, EMPTY.hash))
        except ProtocolError as error:
            yield self._difference("segment", *first, error.detail)
            return
        for there, sealed in zip(stored, opened, strict=False):
            if there != sealed:
                detail = "its segment holds it otherwise"
                yield self._difference("segment", sealed.epoch, sealed.seq, detail)
                return
        if len(stored) != len(opened):
            yield self._difference("segment", *first, "it holds another number of entries")

    def _difference(self, kind: str, epoch: int, seq: int, detail: str) -> Difference:
        return Difference(kind, self._branch, self._terminal, epoch, seq, detail)


@dataclass(slots=True)
class _Shift:
    sales: int = 0
    refunds: int = 0
    voids: int = 0
    total: int = 0
    rounding: int = 0
    tenders: Counter[str] = field(default_factory=Counter)


class ShiftProof:
    """Adds each shift of a terminal up again, to compare it with what the till wrote at close."""

    def __init__(self) -> None:
        self._shifts: dict[str, _Shift] = {}

    def add(self, located: Place, fact: Fact, hash_before: bytes) -> Iterator[Difference]:
        """Count a fact in; at a close, the differences."""
        if isinstance(fact, ShiftClosed):
            shift = self._shifts.pop(fact.shift_id, _Shift())
            for detail in _shift_differences(fact, shift, hash_before):
                place = (located.branch_id, located.terminal_id, located.epoch, located.seq)
                yield Difference("shift", *place, detail)
        elif isinstance(fact, SaleCompleted | RefundCompleted | SaleVoided):
            _count(self._shifts.setdefault(fact.shift_id, _Shift()), fact)


def _count(shift: _Shift, fact: SaleCompleted | RefundCompleted | SaleVoided) -> None:
    if isinstance(fact, SaleVoided):
        shift.voids += 1
        return
    sign = 1 if isinstance(fact, SaleCompleted) else -1
    shift.sales += isinstance(fact, SaleCompleted)
    shift.refunds += isinstance(fact, RefundCompleted)
    shift.total += sign * fact.total
    shift.rounding += sign * fact.rounding
    for tender in fact.tenders:
        shift.tenders[tender.kind] += sign * tender.amount


def _shift_differences(closed: ShiftClosed, shift: _Shift, hash_before: bytes) -> Iterator[str]:
    """What the till counted against what its journal says; the drawer's cash has its own float."""
    said = {one.kind: one.expected for one in closed.tenders if one.kind != CASH}
    pairs: dict[str, tuple[object, object]] = {
        "sale_count": (closed.sale_count, shift.sales),
        "refund_count": (closed.refund_count, shift.refunds),
        "void_count": (closed.void_count, shift.voids),
        "total": (closed.total, shift.total),
        "rounding": (closed.rounding, shift.rounding),
        "last_hash": (closed.last_hash, hash_before.hex()),
        **{
            f"tender {kind}": (said.get(kind, 0), shift.tenders[kind])
            for kind in sorted({*said, *shift.tenders} - {CASH})
        },
    }
    for name, (till, journal) in pairs.items():
        if till != journal:
            yield f"at its close the till said {name} {till}, its journal says {journal}"


Rows = dict[str, dict[Row, Place]]


def expect(place: Place, fact: Fact, rows: Rows, sums: Increments) -> Iterator[Difference]:
    """Add what a fact gives to the rows (as the database returns them) and the sums.

    An altered fact may give nothing that a table could hold: that is a difference, never a crash.
    """
    try:
        given = [(table, as_stored(table, row)) for table, row in project(place, fact)]
        if not all(is_id(row[1]) for _, row in given):
            raise ValueError("its id is none")
        rollups.add(sums, place, fact)
    except Exception as error:
        where = (place.branch_id, place.terminal_id, place.epoch, place.seq)
        yield Difference("projection", *where, f"it gives no rows: {error}")
        return
    for table, row in given:
        rows.setdefault(table, {})[row] = place


def as_stored(table: str, row: Sequence[Any]) -> Row:
    """A row with its days as dates."""
    days = _DAYS[table]
    if not days:
        return tuple(row)
    return tuple(
        date.fromisoformat(value) if at in days and isinstance(value, str) else value
        for at, value in enumerate(row)
    )


def compare_rows(expected: Rows, stored: Mapping[str, Iterable[Row]]) -> list[Difference]:
    """Rows that should be there and are not, or are otherwise; the first entries first."""
    found: list[Difference] = []
    for table, wanted in expected.items():
        there = set(stored.get(table, ()))
        for row in wanted.keys() - there:
            found.append(_of_row(table, wanted[row], "its row differs or is missing"))
        owners = {row[1]: place for row, place in wanted.items()}
        for row in there - wanted.keys():
            found.append(_of_row(table, owners[row[1]], "there is a row that it does not give"))
    return sorted(set(found), key=lambda one: (one.terminal_id or "", one.epoch, one.seq))


def _of_row(table: str, place: Place, detail: str) -> Difference:
    where = (place.branch_id, place.terminal_id, place.epoch, place.seq)
    return Difference("projection", *where, f"{table}: {detail}")


def compare_sums(
    branch_id: str, expected: Increments, stored: Mapping[str, Iterable[Row]]
) -> Iterator[Difference]:
    """The first sum of each roll-up that is not what the facts give."""
    for name, sums in expected.items():
        width = len(ROLLUPS[name].primary_key)
        wanted = {as_stored(name, key): tuple(amounts) for key, amounts in sums.items()}
        there = {row[:width]: row[width:] for row in stored.get(name, ())}
        for key in sorted(wanted.keys() | there.keys(), key=str):
            if wanted.get(key) != there.get(key):
                said = f"{there.get(key)}, the facts give {wanted.get(key)}"
                detail = f"{name} {' '.join(map(str, key[1:]))} has {said}"
                yield Difference("sums", branch_id, None, 0, 0, detail)
                break
