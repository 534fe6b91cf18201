"""What one `POST /v1/journal` carries: sealed segments, each with its custody stamp if it has one.

Layout: `SNV1` | count | then for each: length, its top bit set where a stamp follows | the stamp's
router (16 B) and received_at_ms, or nothing | sealed bytes. A router adds the stamp and never
touches the bytes.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import SEGMENT_BYTES_MAX

ENVELOPE_BYTES_MAX = 8 * 1024 * 1024
"""One request: a gateway's usual limit with room to spare."""

SEGMENTS_MAX = 2_000
"""Segments in one envelope: a busy branch's live sales of an outage sent one by one."""

_MAGIC = b"SNV1"
_LENGTH = struct.Struct(">I")
_STAMP = struct.Struct(">16sQ")
_STAMPED = 1 << 31


class EnvelopeDamaged(ProtocolError):
    """Truncated, flipped, or larger than its limits."""

    slug = "envelope-damaged"


@dataclass(frozen=True, slots=True)
class Custody:
    """Which router took the segment, and when by its clock."""

    router: str
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A sealed segment on its way."""

    sealed: bytes
    custody: Custody | None = None


def pack(parcels: Sequence[Parcel]) -> bytes:
    """The body of a request. Raises ValueError above the limits: the caller cuts first."""
    if len(parcels) > SEGMENTS_MAX:
        raise ValueError(f"an envelope holds up to {SEGMENTS_MAX} segments")
    parts = [_MAGIC, len(parcels).to_bytes(2, "big")]
    for parcel in parcels:
        length, stamp = len(parcel.sealed), b""
        if parcel.custody is not None:
            router = uuid.UUID(parcel.custody.router).bytes
            length, stamp = length | _STAMPED, _STAMP.pack(router, parcel.custody.received_at_ms)
        parts += (_LENGTH.pack(length), stamp, parcel.sealed)
    body = b"".join(parts)
    if len(body) > ENVELOPE_BYTES_MAX:
        raise ValueError(f"an envelope holds up to {ENVELOPE_BYTES_MAX} bytes")
    return body


def unpack(body: bytes) -> list[Parcel]:
    """The parcels of a request. Raises EnvelopeDamaged; nothing is taken from a damaged one."""
    if len(body) < 6 or body[:4] != _MAGIC:
        raise EnvelopeDamaged("not an envelope, or cut off")
    if len(body) > ENVELOPE_BYTES_MAX:
        raise EnvelopeDamaged(f"larger than {ENVELOPE_BYTES_MAX} bytes")
    count, at = int.from_bytes(body[4:6], "big"), 6
    if count > SEGMENTS_MAX:
        raise EnvelopeDamaged(f"more than {SEGMENTS_MAX} segments")
    parcels: list[Parcel] = []
    for _ in range(count):
        parcel, at = _read_item(body, at)
        parcels.append(parcel)
    if at != len(body):
        raise EnvelopeDamaged("bytes behind the last segment")
    return parcels


def _read_item(body: bytes, at: int) -> tuple[Parcel, int]:
    """(the parcel that begins there, where the next one does). Raises EnvelopeDamaged."""
    custody = None
    try:
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if length & _STAMPED:
            router, at_ms = _STAMP.unpack_from(body, at)
            at += _STAMP.size
            length, custody = length ^ _STAMPED, Custody(str(uuid.UUID(bytes=router)), at_ms)
    except struct.error:
        raise EnvelopeDamaged("cut off within an item") from None
    if length > SEGMENT_BYTES_MAX or at + length > len(body):
        raise EnvelopeDamaged("cut off, or a segment longer than allowed")
    return Parcel(body[at : at + length], custody), at + length
