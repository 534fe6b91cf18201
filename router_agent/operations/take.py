"""Take parcels from a till: decide, for each journal, what is new here.

The head decides: what it covers is had already, what follows it is verified and kept, what leaves
a hole is asked for again, and what contradicts it is a fork: kept in a lane of its own and
forwarded, so that the cloud has both lines. Only a later epoch that does not chain to what is here
takes its place: its terminal, restored, has asked every store before it opened it. What was here
goes to the lane, and the terminal sends its line from the beginning. What lies before the base can
be compared with nothing here: it goes to the lane too, and the cloud tells what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.errors import ChainBroken, ProtocolError
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
FindFirst = Callable[[str], tuple[int, int] | None]
"""terminal -> (epoch, seq) of the first entry held; None where it is not known."""
FindTails = Callable[[str, int, int], Iterable[bytes]]
"""(terminal, epoch, seq) -> the hashes of the lane's segments that end there."""


@dataclass(frozen=True, slots=True)
class Held:
    """A verified segment to keep, byte for byte."""

    header: SegmentHeader
    sealed: bytes


@dataclass(slots=True)
class Taking:
    """What becomes of one journal's parcels. `outcome` as in JournalOutcome.

    `forks` go to the lane. `relined`: what was held goes there too, and `held` begins anew.
    """

    terminal: str
    before: Head
    head: Head
    outcome: str = "already"
    held: list[Held] = field(default_factory=list)
    problem: str | None = None
    forks: list[Held] = field(default_factory=list)
    relined: bool = False

    @property
    def entry_count(self) -> int:
        """Entries that are new here."""
        return sum(held.header.count for held in self.held)


def refuse(terminal: str, head: Head, problem: str) -> Taking:
    """Nothing of this journal is taken."""
    return Taking(terminal, head, head, "refused", problem=problem)


def _is_past(header: SegmentHeader, head: Head) -> bool:
    return (header.epoch, header.last_seq) <= (head.epoch, head.seq)


@dataclass(frozen=True, slots=True)
class _Here:
    """What is held of one journal, as far as it decides."""

    find_hash: FindHash
    find_first: FindFirst
    find_tails: FindTails

    def at(self, header: SegmentHeader, head: Head) -> bytes | None:
        """The hash held at the segment's last place; None: not known."""
        if (header.epoch, header.last_seq) == (head.epoch, head.seq):
            return head.hash
        return self.find_hash(header.terminal, header.epoch, header.last_seq)

    def passes_by(self, header: SegmentHeader) -> bool:
        """Whether the line held begins before the segment, so that it has no such place at all."""
        first = self.find_first(header.terminal)
        return first is not None and first <= (header.epoch, header.last_seq)

    def continues_lane(self, taking: Taking, header: SegmentHeader, sealed: bytes) -> bool:
        """Whether it chains to a segment of the lane, or to one that goes there with it."""
        before = (header.epoch, header.first_seq - 1)
        tails = [*self.find_tails(header.terminal, *before)]
        for held in taking.forks:
            if (held.header.epoch, held.header.last_seq) == before:
                tails.append(held.header.last_hash)
        return any(_opens(sealed, tail) for tail in tails)


def _opens(sealed: bytes, prev: bytes) -> bool:
    try:
        open_segment(sealed, prev)
    except ChainBroken:
        return False
    return True


def _take_one(taking: Taking, sealed: bytes, key: Ed25519PublicKey, here: _Here) -> bool:
    """Whether the journal's next parcel may be looked at."""
    header = check_signature(sealed, key)
    head = taking.head
    if _is_past(header, head):
        held = here.at(header, head)
        if held is None and not _is_past(header, taking.before):
            # It was taken from this very envelope: the next request can be compared with it.
            taking.outcome = "gap"
            return False
        # The same place with another entry: to call it "already" would lose a clone's sales.
        if held is None and not here.passes_by(header):
            # It lies before the base, where nobody here can tell. The cloud can: it goes there.
            taking.forks.append(Held(header, sealed))
        elif held != header.last_hash:
            _set_aside(taking, header, sealed)
        return True
    if follows(header, head):
        return _append(taking, header, sealed, here)
    if header.epoch == head.epoch and header.first_seq <= head.seq:
        return _overlap(taking, header, sealed, here)
    if here.continues_lane(taking, header, sealed):
        _set_aside(taking, header, sealed)
        return True
    if taking.outcome != "fork":
        taking.outcome = "gap"
    return False


def _append(taking: Taking, header: SegmentHeader, sealed: bytes, here: _Here) -> bool:
    try:
        open_segment(sealed, taking.head.hash)
    except ChainBroken:
        if header.epoch > taking.head.epoch:
            _reline(taking)
            return False
        if not here.continues_lane(taking, header, sealed):
            raise
        _set_aside(taking, header, sealed)
        return True
    taking.held.append(Held(header, sealed))
    taking.head = Head(header.epoch, header.last_seq, header.last_hash)
    if taking.outcome != "fork":
        taking.outcome = "appended"
    return True


def _overlap(taking: Taking, header: SegmentHeader, sealed: bytes, here: _Here) -> bool:
    """Its first entries are here: the same ones, cut into other segments, or others."""
    prev = here.find_hash(header.terminal, header.epoch, header.first_seq - 1)
    if header.first_seq == 1 and header.epoch == EMPTY.epoch:
        prev = EMPTY.hash
    if prev is None:
        # It begins before the base: with nothing to chain it to, it comes again from the beginning.
        _reline(taking)
        return False
    try:
        entries = open_segment(sealed, prev)
        same = entries[taking.head.seq - header.first_seq].hash == taking.head.hash
    except ChainBroken:
        same = False
    if same:
        _reline(taking)
        return False
    _set_aside(taking, header, sealed)
    return True


def _set_aside(taking: Taking, header: SegmentHeader, sealed: bytes) -> None:
    taking.forks.append(Held(header, sealed))
    taking.outcome = "fork"


def _reline(taking: Taking) -> None:
    """The terminal's line is another now, or cut otherwise: it comes again from its beginning."""
    taking.relined, taking.held = taking.before != EMPTY, []
    taking.head, taking.outcome = EMPTY, "gap"


def _take_journal(
    terminal: str,
    parcels: Iterable[Parcel],
    find_key: FindKey,
    find_head: FindHead,
    here: _Here,
) -> Taking:
    head = find_head(terminal)
    key = find_key(terminal)
    if key is None:
        return refuse(terminal, head, "device-unknown")
    taking = Taking(terminal, head, head)
    try:
        for parcel in parcels:
            if not _take_one(taking, parcel.sealed, key, here):
                break
    except ProtocolError as error:
        taking.outcome, taking.problem = "refused", error.slug
    return taking


def _not_known(_terminal: str, _epoch: int, _seq: int) -> None:
    return None


def _no_first(_terminal: str) -> None:
    return None


def _no_tails(_terminal: str, _epoch: int, _seq: int) -> tuple[bytes, ...]:
    return ()


def take_parcels(
    parcels: Iterable[Parcel],
    find_key: FindKey,
    find_head: FindHead,
    find_hash: FindHash = _not_known,
    find_first: FindFirst = _no_first,
    find_tails: FindTails = _no_tails,
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
    here = _Here(find_hash, find_first, find_tails)
    takings = [
        _take_journal(terminal, [parcel for _, parcel in pairs], find_key, find_head, here)
        for terminal, pairs in groupby(readable, key=lambda pair: pair[0])
    ]
    return takings, unreadable
