"""The fork lane to its end: a second machine's facts get rows too, each fact once.

A segment of the fork lane is believed when it chains to an entry that is known: of the main line,
or of the lane itself. Its facts stand at places marked as the lane's: the epoch's number negative.
Whatever was recorded elsewhere already, by the same fact id, is not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from sentra.projection.aside import FACT_UNKNOWN, FACT_UNREADABLE
from sentra.projection.findings import Finding
from sentra.projection.rows import Place
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import SegmentHeader, open_segment, read_header
from syncd.service.operations.findings import set_aside
from syncd.service.operations.journals import TRIES_MAX
from syncd.service.operations.project import Located

Spot = tuple[int, int]
HashAt = Callable[[int, int], bytes | None]
"""(epoch, seq) -> the main line's hash there; None where it has none."""


@dataclass(frozen=True, slots=True)
class ForkSegment:
    """A segment of the lane; `digest` is the SHA-256 of its bytes, `projected` whether it has its
    rows."""

    digest: bytes
    sealed: bytes
    projected: bool = False

    @property
    def header(self) -> SegmentHeader:
        """Read anew: its bytes were checked when they came."""
        return read_header(self.sealed)


@dataclass(frozen=True, slots=True)
class OpenedFork:
    """A segment of the lane whose chain is proved."""

    segment: ForkSegment
    entries: Sequence[Entry]


def open_lane(
    lane: Sequence[ForkSegment],
    hash_at: HashAt,
    before_epoch: Callable[[int], Iterable[bytes]],
) -> Iterator[OpenedFork]:
    """Every segment of one terminal's lane that can be proved by now, in order, projected or not.

    `before_epoch` gives the hashes of the main line that an epoch's first entry may chain to.
    """
    tails: dict[Spot, set[bytes]] = {}
    ordered = sorted(lane, key=_order)
    for one in ordered:
        header = one.header
        tails.setdefault((header.epoch, header.last_seq), set()).add(header.last_hash)
    for one in ordered:
        for prev in _candidates(one.header, hash_at, before_epoch, tails):
            try:
                yield OpenedFork(one, open_segment(one.sealed, prev))
            except ProtocolError:
                continue
            break


def _order(one: ForkSegment) -> tuple[int, int, bytes]:
    return one.header.epoch, one.header.first_seq, one.digest


def _candidates(
    header: SegmentHeader,
    hash_at: HashAt,
    before_epoch: Callable[[int], Iterable[bytes]],
    tails: Mapping[Spot, set[bytes]],
) -> Iterator[bytes]:
    epoch, before = header.epoch, header.first_seq - 1
    if before:
        own = hash_at(epoch, before)
        if own is not None:
            yield own
        yield from sorted(tails.get((epoch, before), ()))
        return
    if epoch == EMPTY.epoch:
        yield EMPTY.hash
        return
    for spot, hashes in sorted(tails.items(), reverse=True):
        if spot[0] < epoch:
            yield from sorted(hashes)
    for tries, prev in enumerate(before_epoch(epoch), 1):
        if tries * header.count > TRIES_MAX:
            return
        yield prev


def located(branch_id: str, entries: Iterable[Entry]) -> tuple[list[Located], list[Finding]]:
    """The facts of entries in the lane, at the lane's places; what cannot be read is a finding."""
    facts: list[Located] = []
    findings: list[Finding] = []
    for entry in entries:
        aside = replace(entry, epoch=-entry.epoch)
        try:
            fact = decode_fact(entry.kind, entry.schema, entry.body)
        except UnknownKind as error:
            findings.append(set_aside(aside, FACT_UNKNOWN, str(error)))
        except BodyUnreadable as error:
            findings.append(set_aside(aside, FACT_UNREADABLE, str(error)))
        else:
            place = Place(branch_id, entry.terminal, aside.epoch, entry.seq)
            facts.append(Located(place, aside, fact))
    return facts, findings
