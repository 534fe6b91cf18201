"""A contiguous run of one journal, sealed once at its terminal.

Layout: `SNT1` | header | zstd payload | Ed25519 signature (64 B). The signature covers terminal,
epoch, first and last seq and the last hash: the chain vouches for all before it. The payload is a
MessagePack array of entries without their hashes, which the reader computes anew.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.ed25519 import SIGNATURE_BYTES, is_signed
from sentra.protocol.entry import (
    BODY_BYTES_MAX,
    EPOCH_MAX,
    SEQ_MAX,
    Entry,
    Head,
    entry_hash,
    terminal_bytes,
)
from sentra.protocol.errors import ChainBroken, SegmentDamaged, SignatureWrong

ENTRIES_MAX = 2_000
"""Entries in one segment: bounds the memory and the transaction of every store behind."""

SEGMENT_BYTES_MAX = 1024 * 1024
"""A sealed segment: small enough to send again over a bad line."""

PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
"""Decompressed payload: what a store is ready to unpack, whatever the header claims."""

_RUN_BYTES_MAX = 4 * 1024 * 1024
"""Bodies in one segment before packing: they shrink to about a tenth."""

KIND_LENGTH_MAX = 64
"""A kind is a short plain word, `sale.completed`."""

_LEVEL = 3
_LEVEL_LIVE = 12
_LIVE_BYTES = 16 * 1024
_LONG_BYTES = 256 * 1024
_LONG_WINDOW_LOG = 22
_DATE_LENGTH = 10
_SCHEMA_MAX = 0xFFFF
_TIME_MS_MAX = 2**63 - 1
_ENTRY_OVERHEAD = 64
_MAGIC = b"SNT1"
_HEADER = struct.Struct(">B16sIQH32sI")  # dictionary, terminal, epoch, first, count, last hash, raw
_SIGNED = struct.Struct(">16sIQQ32s")
_TAG = b"sentra/segment/1"
_OVERHEAD = len(_MAGIC) + _HEADER.size + SIGNATURE_BYTES
_DICTIONARY = 1
_encoder = msgspec.msgpack.Encoder()
_Row = tuple[str, int, int, str, bytes]
_decoder = msgspec.msgpack.Decoder(list[_Row])


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What can be known without unpacking."""

    terminal: str
    epoch: int
    first_seq: int
    count: int
    last_hash: bytes
    raw_bytes: int

    @property
    def last_seq(self) -> int:
        """Sequence number of the last entry."""
        return self.first_seq + self.count - 1


@functools.cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    name = f"dictionary-{number}.zstd"
    path = resources.files("sentra.protocol") / name
    if not path.is_file():
        raise SegmentDamaged(f"compressed with dictionary {number}, which this version lacks")
    return zstandard.ZstdCompressionDict(path.read_bytes())


def _signed_bytes(header: SegmentHeader) -> bytes:
    return _TAG + _SIGNED.pack(
        terminal_bytes(header.terminal),
        header.epoch,
        header.first_seq,
        header.last_seq,
        header.last_hash,
    )


def _compressor(raw_bytes: int) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        # A few sales are on the line one by one: a tenth of their bytes for some 50 µs.
        _LEVEL_LIVE if raw_bytes <= _LIVE_BYTES else _LEVEL,
        # Products come again hundreds of sales later, which this finds for 3 µs more a sale.
        enable_ldm=raw_bytes > _LONG_BYTES,
        window_log=_LONG_WINDOW_LOG if raw_bytes > _LONG_BYTES else 0,
        write_content_size=False,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(
        dict_data=_dictionary(_DICTIONARY), compression_params=parameters
    )


def seal(entries: Sequence[Entry], key: Ed25519PrivateKey) -> bytes:
    """The sealed bytes of 1 to ENTRIES_MAX entries that follow each other in one epoch.

    Raises ValueError where there is none or too many: the caller cuts its run first.
    """
    if not 1 <= len(entries) <= ENTRIES_MAX:
        raise ValueError(f"a segment holds 1 to {ENTRIES_MAX} entries, not {len(entries)}")
    raw = _encoder.encode(
        [(e.kind, e.schema, e.recorded_at_ms, e.business_date, e.body) for e in entries]
    )
    first, last = entries[0], entries[-1]
    header = SegmentHeader(
        first.terminal, first.epoch, first.seq, len(entries), last.hash, len(raw)
    )
    packed = _HEADER.pack(
        _DICTIONARY,
        terminal_bytes(header.terminal),
        header.epoch,
        header.first_seq,
        header.count,
        header.last_hash,
        header.raw_bytes,
    )
    return _MAGIC + packed + _compressor(len(raw)).compress(raw) + key.sign(_signed_bytes(header))


def read_header(sealed: bytes) -> SegmentHeader:
    """The header alone, its limits checked. Raises SegmentDamaged."""
    if len(sealed) <= _OVERHEAD or sealed[:4] != _MAGIC:
        raise SegmentDamaged("not a sealed segment, or cut off")
    if len(sealed) > SEGMENT_BYTES_MAX:
        raise SegmentDamaged(f"larger than {SEGMENT_BYTES_MAX} bytes")
    _, terminal, epoch, first, count, last_hash, raw = _HEADER.unpack_from(sealed, 4)
    places_fit = 1 <= epoch <= EPOCH_MAX and 1 <= first <= SEQ_MAX - ENTRIES_MAX
    if not places_fit or not 1 <= count <= ENTRIES_MAX or raw > PAYLOAD_BYTES_MAX:
        raise SegmentDamaged("its header is outside the limits")
    text = terminal.hex()
    name = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return SegmentHeader(name, epoch, first, count, last_hash, raw)


def check_signature(sealed: bytes, public_key: Ed25519PublicKey) -> SegmentHeader:
    """The header of a segment that this key signed. Raises SegmentDamaged, SignatureWrong."""
    header = read_header(sealed)
    if not is_signed(_signed_bytes(header), signature_of(sealed), public_key):
        raise SignatureWrong("the terminal's key did not sign this segment")
    return header


def signature_of(sealed: bytes) -> bytes:
    """The 64 bytes at the end."""
    return sealed[-SIGNATURE_BYTES:]


def sealed_digest(sealed: bytes) -> bytes:
    """SHA-256 of the bytes as they are. A store keeps it beside them: some bits of a compressed
    frame change nothing that it holds, so that no signature over the entries covers them."""
    return hashlib.sha256(sealed).digest()


def _unpack(sealed: bytes, header: SegmentHeader) -> list[_Row]:
    decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(sealed[4]))
    payload = sealed[len(_MAGIC) + _HEADER.size : -SIGNATURE_BYTES]
    try:
        # A size inside the frame overrides max_output_size and would be allocated unseen.
        if zstandard.frame_content_size(payload) > header.raw_bytes:
            raise SegmentDamaged("its payload claims to be longer than its header says")
        raw = decompressor.decompress(payload, max_output_size=header.raw_bytes + 1)
        if len(raw) != header.raw_bytes:
            raise SegmentDamaged("its payload is not as long as its header says")
        rows = _decoder.decode(raw)
    except (zstandard.ZstdError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SegmentDamaged(f"its payload cannot be unpacked: {error}") from error
    if len(rows) != header.count:
        raise SegmentDamaged("it does not hold as many entries as its header says")
    return rows


def _plain_bytes(kind: str, business_date: str) -> tuple[bytes, bytes] | None:
    """Both words as they are hashed; None where a store could not hold them."""
    if not 0 < len(kind) <= KIND_LENGTH_MAX or len(business_date) != _DATE_LENGTH:
        return None
    word = kind + business_date
    if not (word.isascii() and word.isprintable()):
        return None
    return kind.encode(), business_date.encode()


def _are_within_limits(schema: int, recorded_at_ms: int, body: bytes) -> bool:
    return (
        0 <= schema <= _SCHEMA_MAX
        and 0 <= recorded_at_ms <= _TIME_MS_MAX
        and len(body) <= BODY_BYTES_MAX
    )


def open_segment(sealed: bytes, prev: bytes) -> list[Entry]:
    """The entries, their hashes computed from `prev`, the hash before the first of them.

    Raises SegmentDamaged, and ChainBroken where the last hash is not the one that was signed:
    the entries were altered, or `prev` is not what the terminal had before them.
    """
    header = read_header(sealed)
    terminal = terminal_bytes(header.terminal)
    entries: list[Entry] = []
    seq, epoch = header.first_seq, header.epoch
    # A segment has few kinds and days: looking each up is cheaper than looking at each.
    plain: dict[tuple[str, str], tuple[bytes, bytes] | None] = {}
    for kind, schema, recorded_at_ms, business_date, body in _unpack(sealed, header):
        named = kind, business_date
        if named not in plain:
            plain[named] = _plain_bytes(kind, business_date)
        words = plain[named]
        if words is None or not _are_within_limits(schema, recorded_at_ms, body):
            raise SegmentDamaged(f"entry {seq} is outside the limits")
        prev = entry_hash(
            terminal, epoch, seq, words[0], schema, recorded_at_ms, words[1], body, prev
        )
        entries.append(
            Entry(
                header.terminal, epoch, seq, kind, schema, recorded_at_ms, business_date, body, prev
            )
        )
        seq += 1
    if prev != header.last_hash:
        raise ChainBroken(f"entries {header.first_seq} to {header.last_seq} do not chain")
    return entries


def peek(sealed: bytes) -> Iterator[tuple[int, str, int, bytes]]:
    """(seq, kind, schema, body) of each entry, its chain not checked.

    For sums over segments that were verified when they came in. Raises SegmentDamaged.
    """
    header = read_header(sealed)
    for seq, (kind, schema, _, _, body) in enumerate(_unpack(sealed, header), header.first_seq):
        yield seq, kind, schema, body


def _cut(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    start = raw = 0
    for index, entry in enumerate(entries):
        weight = len(entry.body) + _ENTRY_OVERHEAD
        full = index - start >= ENTRIES_MAX or raw + weight > _RUN_BYTES_MAX
        if index > start and (full or entry.epoch != entries[start].epoch):
            yield entries[start:index]
            start, raw = index, 0
        raw += weight
    if start < len(entries):
        yield entries[start:]


def seal_all(entries: Sequence[Entry], key: Ed25519PrivateKey) -> Iterator[bytes]:
    """Sealed segments, in order, for any number of entries that follow each other.

    A run whose bodies hardly compress is halved until it fits; one entry alone always does.
    """
    for run in _cut(entries):
        sealed = seal(run, key)
        if len(sealed) <= SEGMENT_BYTES_MAX:
            yield sealed
        else:
            middle = len(run) // 2
            yield from seal_all(run[:middle], key)
            yield from seal_all(run[middle:], key)


def follows(header: SegmentHeader, head: Head) -> bool:
    """Whether the segment's first entry can be the very next one after `head`.

    Epochs may leave numbers out: a restored terminal burns those that it may have used before.
    """
    if header.epoch == head.epoch:
        return header.first_seq == head.seq + 1
    return header.epoch > head.epoch and header.first_seq == 1
