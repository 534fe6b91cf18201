"""Take parcels from a till: decide, for each journal, what is new here.

The head decides: what it covers is had already, what follows it is verified and kept, what leaves
a hole is asked for again, and what contradicts it is answered as a fork (the cloud keeps both).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import (
    SegmentHeader,
    check_signature,
    follows,
    open_segment,
    read_header,
)

FindKey = Callable[[str], Ed25519PublicKey | None]
FindHead = Callable[[str], Head]
FindHash = Callable[[str, int, int], bytes | None]
"""(terminal, epoch, seq) -> the hash of the entry held there; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Held:
    """A verified segment to keep, byte for byte."""

    header: SegmentHeader
    sealed: bytes


@dataclass(slots=True)
class Taking:
    """What becomes of one journal's parcels. `outcome` as in JournalOutcome."""

    terminal: str
    before: Head
    head: Head
    outcome: str = "already"
    held: list[Held] = field(default_factory=list)
    problem: str | None = None

    @property
    def entry_count(self) -> int:
        """Entries that are new here."""
        return sum(held.header.count for held in self.held)


def refuse(terminal: str, head: Head, problem: str) -> Taking:
    """Nothing of this journal is taken."""
    return Taking(terminal, head, head, "refused", problem=problem)


def _is_past(header: SegmentHeader, head: Head) -> bool:
    return (header.epoch, header.last_seq) <= (head.epoch, head.seq)


def _take_one(taking: Taking, sealed: bytes, key: Ed25519PublicKey, find_hash: FindHash) -> bool:
    """Whether the journal's next parcel may be looked at."""
    header = check_signature(sealed, key)
    if _is_past(header, taking.head):
        held = find_hash(header.terminal, header.epoch, header.last_seq)
        if held is None and (header.epoch, header.last_seq) == (taking.head.epoch, taking.head.seq):
            held = taking.head.hash
        if held in (None, header.last_hash):
            return True
        # The same place with another entry: to call it "already" would lose a clone's sales.
        taking.outcome = "fork"
        return False
    if not follows(header, taking.head):
        taking.outcome = "gap"
        return False
    open_segment(sealed, taking.head.hash)
    taking.held.append(Held(header, sealed))
    taking.head = Head(header.epoch, header.last_seq, header.last_hash)
    taking.outcome = "appended"
    return True


def _take_journal(
    terminal: str,
    parcels: Iterable[Parcel],
    find_key: FindKey,
    find_head: FindHead,
    find_hash: FindHash,
) -> Taking:
    head = find_head(terminal)
    key = find_key(terminal)
    if key is None:
        return refuse(terminal, head, "device-unknown")
    taking = Taking(terminal, head, head)
    try:
        for parcel in parcels:
            if not _take_one(taking, parcel.sealed, key, find_hash):
                break
    except ProtocolError as error:
        taking.outcome, taking.problem = "refused", error.slug
    return taking


def _not_known(_terminal: str, _epoch: int, _seq: int) -> None:
    return None


def take_parcels(
    parcels: Iterable[Parcel],
    find_key: FindKey,
    find_head: FindHead,
    find_hash: FindHash = _not_known,
) -> tuple[list[Taking], int]:
    """One Taking for each journal, in the order of their terminals, and how many were unreadable.

    Nothing is written; the caller keeps `held` and the new heads in one transaction. A segment so
    damaged that not even its terminal can be read has no journal to answer for: it is counted.
    """
    readable: list[tuple[str, Parcel]] = []
    unreadable = 0
    for parcel in parcels:
        try:
            readable.append((read_header(parcel.sealed).terminal, parcel))
        except ProtocolError:
            unreadable += 1
    readable.sort(key=lambda pair: pair[0])
    takings = [
        _take_journal(terminal, [parcel for _, parcel in pairs], find_key, find_head, find_hash)
        for terminal, pairs in groupby(readable, key=lambda pair: pair[0])
    ]
    return takings, unreadable
