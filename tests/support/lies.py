"""Input that lies, as a till would send it with its own true key: one table for every store.

Each says what it must be answered with: a problem of the whole request, or of one journal.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.entry import SEQ_MAX, make_entry
from sentra.protocol.envelope import Parcel, pack
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import HeadNote, Hello
from sentra.protocol.segment import seal
from tests.support.journals import DAY, START_MS, Journal

HAD: Final = 2
"""Entries of the journal that the store holds already; it has as many more that may be sent."""

_HEADER: Final = struct.Struct(">B16sIQH32sI")
_COUNT, _RAW = 4, 6
_MIB: Final = 1024 * 1024
_GIB: Final = 1024 * _MIB


@dataclass(frozen=True, slots=True)
class Lie:
    """A request, and how it is answered. `where`: the request's own problem, or its journal's."""

    method: Literal["GET", "POST"]
    target: str
    body: bytes
    where: Literal["request", "journal"]
    problem: str


Make = Callable[[Journal, Journal], Lie]
"""From the sender's journal (`HAD` entries held, as many not yet) and another terminal's."""


def _journal(*sealed: bytes, problem: str) -> Lie:
    return Lie("POST", "/v1/journal", pack([Parcel(one) for one in sealed]), "journal", problem)


def _forged(sealed: bytes, payload: bytes | None = None, **fields: int) -> bytes:
    """A segment with its header or payload changed. The signature covers neither size nor payload,
    and whoever holds the key may sign what he likes."""
    header = list(_HEADER.unpack_from(sealed, 4))
    for name, value in fields.items():
        header[{"count": _COUNT, "raw": _RAW}[name]] = value
    middle = sealed[4 + _HEADER.size : -64] if payload is None else payload
    return sealed[:4] + _HEADER.pack(*header) + middle + sealed[-64:]


def _raw(sealed: bytes) -> int:
    return int(_HEADER.unpack_from(sealed, 4)[_RAW])


@functools.cache
def bomb() -> bytes:
    """Some 100 KiB that unpack to three gigabytes, without saying so."""
    packer = zstandard.ZstdCompressor(level=1, write_content_size=False).compressobj()
    zeros = bytes(16 * _MIB)
    return b"".join(packer.compress(zeros) for _ in range(3 * _GIB // len(zeros))) + packer.flush()


def _claims_gigabytes(_mine: bytes) -> bytes:
    """A frame of ten bytes that says it holds 2^62 of them."""
    return struct.pack("<IBQ", 0xFD2FB528, 0xE0, 2**62) + b"\x01\x00\x00"


def _next(mine: Journal) -> bytes:
    return mine.sealed(HAD + 1, 2 * HAD)


def _unpacks_to_gigabytes(mine: Journal, _other: Journal) -> Lie:
    return _journal(_forged(_next(mine), bomb(), raw=16 * _MIB), problem="segment-damaged")


def _says_gigabytes(mine: Journal, _other: Journal) -> Lie:
    sealed = _next(mine)
    return _journal(_forged(sealed, _claims_gigabytes(sealed)), problem="segment-damaged")


def _longer_than_it_says(mine: Journal, _other: Journal) -> Lie:
    sealed = _next(mine)
    return _journal(_forged(sealed, raw=_raw(sealed) - 1), problem="segment-damaged")


def _shorter_than_it_says(mine: Journal, _other: Journal) -> Lie:
    sealed = _next(mine)
    return _journal(_forged(sealed, raw=_raw(sealed) + 1), problem="segment-damaged")


def _header_beyond_the_limits(mine: Journal, _other: Journal) -> Lie:
    return _journal(_forged(_next(mine), raw=2**32 - 1), problem="segment-damaged")


def _more_entries_than_it_holds(mine: Journal, _other: Journal) -> Lie:
    """The count is signed by way of the last seq, so the key itself has to lie."""
    return _journal(_forged(_next(mine), count=HAD + 1), problem="signature-wrong")


def _cut_off(mine: Journal, _other: Journal) -> Lie:
    lie = _journal(_next(mine), problem="envelope-damaged")
    return Lie(lie.method, lie.target, lie.body[:-1], "request", lie.problem)


def _length_that_lies(mine: Journal, _other: Journal) -> Lie:
    body = bytearray(_journal(_next(mine), problem="").body)
    body[6:10] = (2**30).to_bytes(4, "big")
    return Lie("POST", "/v1/journal", bytes(body), "request", "envelope-damaged")


def _signed_by_another_terminals_key(mine: Journal, other: Journal) -> Lie:
    return _journal(seal(mine.entries[HAD : 2 * HAD], other.key), problem="signature-wrong")


def _another_terminals_journal(_mine: Journal, other: Journal) -> Lie:
    return _journal(other.sealed(1, HAD), problem="device-unknown")


def _altered_entry(mine: Journal, _other: Journal) -> Lie:
    """The amount of a sale raised afterwards, under the signature of what it was."""
    entries = mine.entries[HAD : 2 * HAD]
    altered = make_entry(
        mine.terminal, mine.head, entries[0].kind, 1, START_MS, DAY, entries[0].body + b" "
    )
    forged = seal([altered, *entries[1:]], Ed25519PrivateKey.generate())
    return _journal(
        _forged(_next(mine), forged[4 + _HEADER.size : -64], raw=_raw(forged)),
        problem="chain-broken",
    )


def _hello(heads: Mapping[str, HeadNote]) -> Lie:
    said = Hello(
        software="0.1.0",
        protocols=(1,),
        clock_ms=START_MS,
        heads=dict(heads),
        timeline="",
        feed={},
    )
    return Lie("POST", "/v1/hello", msgspec.json.encode(said), "request", "malformed")


def _head_beyond_all_journals(mine: Journal, _other: Journal) -> Lie:
    return _hello({mine.terminal: HeadNote(1, SEQ_MAX + 1, "00" * 32)})


def _head_in_no_epoch(mine: Journal, _other: Journal) -> Lie:
    return _hello({mine.terminal: HeadNote(2**40, 1, "00" * 32)})


def _head_whose_hash_is_none(mine: Journal, _other: Journal) -> Lie:
    return _hello({mine.terminal: HeadNote(1, 1, "no hash")})


def _junk_for_a_hello(_mine: Journal, _other: Journal) -> Lie:
    return Lie("POST", "/v1/hello", b"[" * 50_000, "request", "malformed")


def _cursor_beyond_the_end(_mine: Journal, _other: Journal) -> Lie:
    return Lie("GET", f"/v1/feed?scope={COMPANY}&after=999999999", b"", "request", "cursor-beyond")


def _cursor_that_is_none(_mine: Journal, _other: Journal) -> Lie:
    return Lie("GET", f"/v1/feed?scope={COMPANY}&after=-1", b"", "request", "malformed")


def _another_branchs_feed(_mine: Journal, other: Journal) -> Lie:
    return Lie("GET", f"/v1/feed?scope={other.terminal}&after=0", b"", "request", "scope-refused")


def _journal_from_the_future(_mine: Journal, _other: Journal) -> Lie:
    """As a till whose store was restored would ask, or one that lies about its head."""
    return Lie("GET", "/v1/journal?epoch=9&after=999999", b"", "request", "cursor-beyond")


def _journal_of_no_epoch(_mine: Journal, _other: Journal) -> Lie:
    return Lie("GET", f"/v1/journal?epoch=0&after={2**70}", b"", "request", "malformed")


LIES: Final[Mapping[str, Make]] = {
    "a segment that unpacks to gigabytes": _unpacks_to_gigabytes,
    "a segment that says that it unpacks to gigabytes": _says_gigabytes,
    "a segment longer than its header says": _longer_than_it_says,
    "a segment shorter than its header says": _shorter_than_it_says,
    "a segment whose header is beyond the limits": _header_beyond_the_limits,
    "a segment of fewer entries than it says": _more_entries_than_it_holds,
    "an envelope cut off": _cut_off,
    "an envelope with a length that lies": _length_that_lies,
    "entries signed by another terminal's key": _signed_by_another_terminals_key,
    "another terminal's journal": _another_terminals_journal,
    "an entry altered afterwards": _altered_entry,
    "a head beyond all journals": _head_beyond_all_journals,
    "a head in no epoch": _head_in_no_epoch,
    "a head whose hash is none": _head_whose_hash_is_none,
    "a hello that is none": _junk_for_a_hello,
    "a feed cursor beyond the end": _cursor_beyond_the_end,
    "a feed cursor that is none": _cursor_that_is_none,
    "a head from the future": _journal_from_the_future,
    "a journal of no epoch": _journal_of_no_epoch,
    "another branch's feed": _another_branchs_feed,
}
