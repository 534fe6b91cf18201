"""Count a stretch of a journal, the same way at till, router and cloud, so that they can compare.

A till counts from the last place that was proved equal to where its newest shift was closed, or
once a day to its end; router and cloud count the same entries. Three things are compared: how many
entries there are, the sums by tender, and the last hash, computed anew from the entries themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sentra.events import RefundCompleted, SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head, entry_hash, terminal_bytes
from sentra.protocol.messages import ProofNote

ENTRIES_MAX: Final = 10_000
"""Entries of one stretch: a tenth of a second. What is behind them is the next one's."""

_NO_HASH: Final = bytes(32)


@dataclass(slots=True)
class Stretch:
    """What the entries behind `base` add up to, up to `head`. Tenders in minor units by kind,
    refunds negative."""

    base: Head
    head: Head = EMPTY
    entries: int = 0
    tenders: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Nothing is counted yet: the stretch ends where it begins."""
        self.head = self.base

    def add(self, entry: Entry) -> None:
        """The next entry. What this version cannot read has a hash and no sum."""
        self.head = Head(entry.epoch, entry.seq, _hash_behind(entry, self.head.hash))
        self.entries += 1
        try:
            fact = decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            return
        if isinstance(fact, SaleCompleted | RefundCompleted):
            sign = 1 if isinstance(fact, SaleCompleted) else -1
            for tender in fact.tenders:
                self.tenders[tender.kind] += sign * tender.amount


def _hash_behind(entry: Entry, prev: bytes) -> bytes:
    """Of what is stored, whatever that is; one that no entry can have where it is none."""
    try:
        return entry_hash(
            terminal_bytes(entry.terminal),
            entry.epoch,
            entry.seq,
            entry.kind.encode(),
            entry.schema,
            entry.recorded_at_ms,
            entry.business_date.encode(),
            entry.body,
            prev,
        )
    except Exception:  # Altered into something that does not fit into a header.
        return _NO_HASH


def differences(note: ProofNote, counted: Stretch) -> Iterator[tuple[str, object, object]]:
    """(what, what the note says, what was counted here) of each of the three that differ."""
    if note.entries != counted.entries:
        yield "entries", note.entries, counted.entries
    for kind in sorted({*note.tenders, *counted.tenders}):
        said, here = note.tenders.get(kind, 0), counted.tenders[kind]
        if said != here:
            yield kind, said, here
    if note.head.hash != counted.head.hash.hex():
        yield "hash", note.head.hash, counted.head.hash.hex()
