"""The whole state of a feed's scope at a revision: one compressed file, signed by the cloud.

Whoever is far behind takes it in place of all revisions before it. The note says what the file is,
and the cloud signs the note: a router can keep the file and hand it on, and cannot change a price
in it, call it newer than it is, or pass off another scope's. Only a file whose digest is the note's
is ever opened.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.ed25519 import is_signed
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import ITEMS_MAX, RAW_BYTES_MAX, FeedItem

HEADER: Final = "Sentra-Snapshot"
"""The answer's header that holds the note, as JSON."""

SNAPSHOT_BYTES_MAX: Final = 512 * 1024 * 1024
"""A million products are some fifty megabytes."""

PART_BYTES: Final = 1024 * 1024
"""What is asked for at once; a part that breaks off is kept as far as it came."""

TAKES_SNAPSHOTS: Final = "snapshots"
"""The parameter by which a device says that it would rather take a snapshot than many revisions.
One of an older version gets revisions as long as there are any."""

SNAPSHOT_NEEDED: Final = "snapshot-needed"
CURSOR_BEYOND: Final = "cursor-beyond"
SNAPSHOT_ABSENT: Final = "snapshot-absent"

_TAG: Final = "sentra/snapshot/1"
_LENGTH: Final = struct.Struct(">I")
_BLOCK_BYTES: Final = 1024 * 1024
_LEVEL: Final = 6
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[str, str, bytes]])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, zstandard.ZstdError)


class SnapshotNeeded(ProtocolError):
    """The revisions behind this cursor are not kept any more, or weigh more than the snapshot."""

    slug = SNAPSHOT_NEEDED


class SnapshotAbsent(ProtocolError):
    """There is no snapshot of this scope here (yet); the cloud makes one when it is asked."""

    slug = SNAPSHOT_ABSENT
    retry = True
    retry_after_s = 5


class CursorBeyond(ProtocolError):
    """The cursor is beyond the feed's end: of a cloud that was restored since, or a lie."""

    slug = CURSOR_BEYOND


class SnapshotDamaged(ProtocolError):
    """A snapshot that is not the one that the cloud signed."""

    slug = "snapshot-damaged"


class SnapshotNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is, signed by the cloud. `sha256` and `signature` are hex.

    `timeline` is the cloud's, begun at `timeline_at_ms`: after a restore the same revision may say
    other things, and the later timeline is right.
    """

    scope: str
    revision: int
    timeline: str
    timeline_at_ms: int
    made_at_ms: int
    size: int
    sha256: str
    signature: str

    @property
    def etag(self) -> str:
        """The file's name for HTTP."""
        return f'"{self.sha256}"'


def _signed_bytes(note: SnapshotNote) -> bytes:
    whole = (_TAG, note.scope, note.revision, note.timeline, note.timeline_at_ms)
    parts = (*whole, note.made_at_ms, note.size, note.sha256)
    return "\n".join(map(str, parts)).encode()


def sign_snapshot(
    packed: bytes,
    key: Ed25519PrivateKey,
    *,
    scope: str,
    revision: int,
    timeline: str,
    timeline_at_ms: int,
    made_at_ms: int,
) -> SnapshotNote:
    """The cloud's word for a packed snapshot."""
    note = SnapshotNote(
        scope=scope,
        revision=revision,
        timeline=timeline,
        timeline_at_ms=timeline_at_ms,
        made_at_ms=made_at_ms,
        size=len(packed),
        sha256=hashlib.sha256(packed).hexdigest(),
        signature="",
    )
    return msgspec.structs.replace(note, signature=key.sign(_signed_bytes(note)).hex())


def read_note(text: str | bytes, scope: str, cloud_key: Ed25519PublicKey) -> SnapshotNote:
    """A note that the cloud signed for this scope. Raises SnapshotDamaged."""
    try:
        note = msgspec.json.decode(text, type=SnapshotNote)
        is_theirs = is_signed(_signed_bytes(note), bytes.fromhex(note.signature), cloud_key)
    except (ValueError, RecursionError) as error:
        raise SnapshotDamaged(f"the cloud did not sign this snapshot of {scope}") from error
    if not is_theirs:
        raise SnapshotDamaged(f"the cloud did not sign this snapshot of {scope}")
    if note.scope != scope:
        raise SnapshotDamaged(f"this is no snapshot of {scope}")
    if not 0 < note.size <= SNAPSHOT_BYTES_MAX:
        raise SnapshotDamaged(f"the snapshot of {scope} is too large")
    return note


def write_note(note: SnapshotNote) -> str:
    """The header's value."""
    return msgspec.json.encode(note).decode("ascii")


def check_digest(note: SnapshotNote, parts: Iterable[bytes]) -> None:
    """Raises SnapshotDamaged unless these are the file's bytes, all and unaltered."""
    digest, size = hashlib.sha256(), 0
    for part in parts:
        digest.update(part)
        size += len(part)
    if size != note.size or digest.hexdigest() != note.sha256:
        raise SnapshotDamaged(f"the snapshot of {note.scope} is not what the cloud signed")


def pack_items(items: Iterable[FeedItem]) -> bytes:
    """The file of a state: items in the order of (kind, key), each of them once."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
    packed = [compressor.compress(block) for block in _blocks(items)]
    return b"".join([*packed, compressor.flush()])


def _blocks(items: Iterable[FeedItem]) -> Iterator[bytes]:
    rows: list[tuple[str, str, bytes]] = []
    size = 0
    for item in items:
        if item.body is None:
            raise ValueError("a state holds no deletions")
        rows.append((item.kind, item.key, item.body))
        size += len(item.body)
        if len(rows) >= ITEMS_MAX or size >= _BLOCK_BYTES:
            yield _block(rows)
            rows, size = [], 0
    if rows:
        yield _block(rows)


def _block(rows: list[tuple[str, str, bytes]]) -> bytes:
    raw = _encoder.encode(rows)
    return _LENGTH.pack(len(raw)) + raw


class _Source:
    """The file's parts behind the one method that the decompressor calls."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; empty at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._parts, b""))
        size = len(self._rest) if size < 0 else size
        part, self._rest = self._rest[:size], self._rest[size:]
        return bytes(part)


def unpack_items(scope: str, parts: Iterable[bytes]) -> Iterator[list[FeedItem]]:
    """The items of a checked file, in blocks, ascending. Raises SnapshotDamaged."""
    last = ("", "")
    try:
        with zstandard.ZstdDecompressor().stream_reader(_Source(parts)) as raw:  # type: ignore[arg-type]  # it only reads
            while length := _exactly(raw, _LENGTH.size):
                (size,) = _LENGTH.unpack(length)
                if not 0 < size <= RAW_BYTES_MAX + _BLOCK_BYTES:
                    raise SnapshotDamaged(f"a block of the snapshot of {scope} is too large")
                rows = _decoder.decode(_exactly(raw, size))
                for kind, key, _ in rows:
                    if (kind, key) <= last:
                        raise SnapshotDamaged(f"the snapshot of {scope} is not in order")
                    last = (kind, key)
                yield [FeedItem(*row) for row in rows]
    except (*_UNREADABLE, struct.error) as error:
        raise SnapshotDamaged(f"the snapshot of {scope} cannot be read") from error


def _exactly(raw: zstandard.ZstdDecompressionReader, size: int) -> bytes:
    """`size` bytes, or fewer where the file ends."""
    found = raw.read(size)
    while found and len(found) < size and (more := raw.read(size - len(found))):
        found += more
    return found
