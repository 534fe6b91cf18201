"""Write what the cloud does not have into courier files, part by part.

A part is written under a draft's name, synced and renamed: what has a part's name is whole. Packing
again into the same folder goes on behind the parts that lie there, as far as they are whole and
our own, and takes away the draft of a packing that was killed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentra.courier.failures import CourierFailure, FileUnwritable, OtherCompany
from sentra.courier.files import SUFFIX, examined, read_receipt
from sentra.courier.offers import Depot, Piece, Point
from sentra.instants import at_local
from sentra.protocol import envelope
from sentra.protocol.courier import (
    CONTENTS_BYTES_MAX,
    RANDOM_BYTES,
    VERSION,
    CourierHeader,
    JournalRange,
    check_signature,
    contents_bytes,
    seal,
)
from sentra.protocol.envelope import SEGMENTS_MAX, Custody, Parcel
from sentra.protocol.errors import ProtocolError

ENVELOPE_BYTES: Final = 256 * 1024
"""Sealed bytes that are taken in by one transaction: some 4,000 sales, about a second's work."""

Tick = Callable[[int, int], None]
"""Told (bytes done, bytes in all)."""

_Envelope = list[Piece]

# What an envelope writes around its segments, measured on one: its layout is its own affair.
_EMPTY_BYTES: Final = len(envelope.pack([]))
_STAMP: Final = Custody("00000000-0000-7000-8000-000000000000", 0)
_AROUND_BYTES: Final = {
    stamps: len(envelope.pack([Parcel(b"", _STAMP if stamps else None)])) - _EMPTY_BYTES
    for stamps in (False, True)
}
_BEGINNING: Final[Point] = (1, 0)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Packed:
    """What was done. `kept` are parts of earlier runs that were gone on behind."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    segments: int
    entries: int
    size_bytes: int


def pack(
    depot: Depot,
    place: Path,
    *,
    now_ms: int,
    random: Callable[[int], bytes] = os.urandom,
    again: bool = False,
    everything: bool = False,
    part_bytes: int = CONTENTS_BYTES_MAX,
    tick: Tick = lambda _done, _all: None,
) -> Packed:
    """Pack into a folder, or into a file of this name (and -2, -3 … where one is not enough).

    `again` writes also what earlier parts in the folder have, `everything` also what the cloud
    has. Raises FileUnwritable, PackedMeanwhile, and what the depot's vault raises.
    """
    folder = place if place.is_dir() else place.parent
    _take_drafts_away(depot, folder)
    had = [] if again else list(_own_parts(depot, folder))
    known = depot.starts()
    starts = _behind(dict.fromkeys(known, _BEGINNING) if everything else known, had)
    envelopes = _envelopes(depot, starts, min(ENVELOPE_BYTES, part_bytes))
    parts = list(_parts(envelopes, part_bytes, depot.sender.stamps))
    names = _names(depot, place, now_ms)
    total = sum(piece.size_bytes for part in parts for one in part for piece in one)
    done, written, readers = 0, [], depot.readers()
    reached = dict(starts)
    for number, part in enumerate(parts, 1):
        header = _header(depot, part, reached, number, now_ms)
        sealed = seal(header, _read(depot, part), readers, depot.sender.key, random(RANDOM_BYTES))
        target = next(names)
        for size_bytes in _write(target, _draft_of(depot, target.name), sealed):
            tick(min(total, done := done + size_bytes), total)
        written.append(target)
        reached |= {one.terminal: one.to for one in header.journals}
    pieces = [piece for part in parts for one in part for piece in one]
    return Packed(
        tuple(written),
        tuple(path for path, _ in had),
        len(pieces),
        _count(pieces, starts),
        sum(path.stat().st_size for path in written),
    )


def take_receipt(depot: Depot, path: Path) -> int:
    """Moves watermarks by a receipt that came back with the stick; how many moved.

    Raises FileUnreadable, ReceiptDamaged, OtherCompany.
    """
    found = read_receipt(path)
    if found.company_id != depot.sender.company_id:
        raise OtherCompany(file=path.name)
    return depot.take_receipt(found.marks)


def _count(pieces: Iterable[Piece], starts: dict[str, Point]) -> int:
    """Entries beyond the starts; a first segment may begin before its start."""
    count, ends = 0, dict(starts)
    for piece in pieces:
        if piece.digest is not None:
            count += piece.last_seq - piece.first_seq + 1
            continue
        epoch, seq = ends[piece.terminal]
        first = max(piece.first_seq, seq + 1) if piece.epoch == epoch else piece.first_seq
        count += piece.last_seq - first + 1
        ends[piece.terminal] = piece.end
    return count


def _own_parts(depot: Depot, folder: Path) -> Iterator[tuple[Path, CourierHeader]]:
    """The whole parts of this device that lie in the folder."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found = examined(path)
            check_signature(found, depot.sender.key.public_key())
        except (CourierFailure, ProtocolError):
            continue
        if found.header.device_id == depot.sender.device_id:
            yield path, found.header


def _behind(
    starts: dict[str, Point], parts: Sequence[tuple[Path, CourierHeader]]
) -> dict[str, Point]:
    """The starts, moved behind what the parts hold without a gap."""
    moved = dict(starts)
    ranges = sorted((one for _, header in parts for one in header.journals), key=lambda r: r.after)
    for one in ranges:
        here = moved.get(one.terminal)
        if here is not None and one.after <= here < one.to:
            moved[one.terminal] = one.to
    return moved


def _envelopes(depot: Depot, starts: dict[str, Point], bytes_max: int) -> Iterator[_Envelope]:
    """Journal by journal, each in order; one segment alone may be larger than the limit."""
    held: _Envelope = []
    size = 0
    for terminal in sorted(starts):
        for piece in depot.pieces(terminal, starts[terminal]):
            size += piece.size_bytes
            full = size > bytes_max or len(held) == SEGMENTS_MAX
            # A line beside the journal can only be compared with what was taken in before.
            aside = bool(held) and (held[-1].digest is None) != (piece.digest is None)
            if held and (full or aside):
                yield held
                held, size = [], piece.size_bytes
            held.append(piece)
    if held:
        yield held


def _parts(
    envelopes: Iterable[_Envelope], part_bytes: int, stamps: bool
) -> Iterator[list[_Envelope]]:
    held: list[_Envelope] = []
    size = 0
    for one in envelopes:
        more = contents_bytes([_size(one, stamps)])
        if held and size + more > part_bytes:
            yield held
            held, size = [], 0
        held.append(one)
        size += more
    if held:
        yield held


def _size(one: _Envelope, stamps: bool) -> int:
    return _EMPTY_BYTES + sum(_AROUND_BYTES[stamps] + piece.size_bytes for piece in one)


def _read(depot: Depot, part: Sequence[_Envelope]) -> Iterator[bytes]:
    for one in part:
        yield envelope.pack(depot.parcels(one))


def _header(
    depot: Depot, part: Sequence[_Envelope], reached: dict[str, Point], number: int, now_ms: int
) -> CourierHeader:
    sender = depot.sender
    ends = {piece.terminal: piece.end for one in part for piece in one if piece.digest is None}
    return CourierHeader(
        version=VERSION,
        company_id=sender.company_id,
        branch_id=sender.branch_id,
        device_id=sender.device_id,
        role=sender.role,
        name=f"{sender.branch_code} {sender.name}",
        packed_at_ms=now_ms,
        part=number,
        journals=tuple(JournalRange(each, reached[each], end) for each, end in ends.items()),
        size_bytes=contents_bytes(_size(one, sender.stamps) for one in part),
        words=tuple(word for word in depot.words() if word.terminal in ends),
    )


def _names(depot: Depot, place: Path, now_ms: int) -> Iterator[Path]:
    """Names that nothing has yet, in order."""
    if place.is_dir():
        sender, time = depot.sender, at_local(now_ms, depot.sender.zone)
        device = _UNSAFE.sub("-", f"{sender.branch_code}-{sender.name}").strip("-")
        first = place / f"{device}-{time:%y%m%d-%H%M%S}{SUFFIX}"
    else:
        first = place.with_name(place.name.removesuffix(SUFFIX) + SUFFIX)
    number = 1
    while True:
        name = first if number == 1 else first.with_name(f"{first.stem}-{number}{SUFFIX}")
        number += 1
        if not name.exists():
            yield name


def _draft_of(depot: Depot, part: str) -> str:
    """The name of a part that is being written. It says whose it is: what of it is on the stick
    when a packing is killed may be too little to read that from."""
    return f".{part}.{depot.sender.device_id}.draft"


def _take_drafts_away(depot: Depot, folder: Path) -> None:
    """This device's own, which a packing left that was killed; nobody would ever look at them."""
    for draft in folder.glob(_draft_of(depot, f"*{SUFFIX}")):
        with suppress(OSError):
            draft.unlink()


def _write(target: Path, name: str, sealed: Iterator[bytes]) -> Iterator[int]:
    """Writes a part under a draft's name first, saying how many bytes it has just written."""
    draft = target.with_name(name)
    try:
        with draft.open("wb") as out:
            for piece in sealed:
                out.write(piece)
                yield len(piece)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(target)
        _sync(target.parent)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FileUnwritable(file=target, detail=error.strerror or error) from error
        raise


def _sync(folder: Path) -> None:
    """Makes the new name survive the stick being pulled, where the system has a way to."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
