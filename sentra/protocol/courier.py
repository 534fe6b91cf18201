"""A courier file: sealed segments on their way by USB stick, encrypted to the company, signed.

Layout: `SNC1` | length of the header (4 B) | header (JSON) | chunks | Ed25519 signature (64 B).
The header says in the clear whose file it is and what is in it, no sale. The contents are the very
envelopes that `POST /v1/journal` takes, each behind its length (4 B). They are encrypted in chunks
of 64 KiB by the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015; as in age):
ChaCha20-Poly1305 with a nonce of the chunk's number and a flag for the last one, so that chunks
cannot be left out, moved or cut off. The key comes from a random one, wrapped for each reader
(`recipients`), and from the header's digest, so that a header fits only its own contents. The
device's signature covers the digest of all before it.

Bytes in, bytes out; randomness is passed in. Nothing here needs more memory than one envelope.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from sentra.protocol.ed25519 import SIGNATURE_BYTES, is_signed
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX
from sentra.protocol.errors import ProtocolError, SignatureWrong
from sentra.protocol.messages import Watermark
from sentra.protocol.recipients import KEY_BYTES, RECIPIENTS_MAX, Wrapped, derive, unwrap, wrap

CONTENTS_BYTES_MAX: Final = 64 * 1024 * 1024
"""What one file carries: some 700,000 sales, a minute of a slow stick; more goes into parts."""

HEADER_BYTES_MAX: Final = 256 * 1024
"""A router's file names each of its terminals, some 500 B for one."""

CHUNK_BYTES: Final = 64 * 1024
VERSION: Final = 1
RANDOM_BYTES: Final = 2 * KEY_BYTES
"""What `seal` needs: the file's key and the ephemeral one."""

_MAGIC: Final = b"SNC1"
_LENGTH: Final = struct.Struct(">I")
_TAG_BYTES: Final = 16
_SIGNED: Final = b"sentra/courier/1\n"
_INFO: Final = b"sentra/courier/1 contents"


class CourierDamaged(ProtocolError):
    """Not a courier file, or bytes of it are not what was written."""

    slug = "courier-damaged"


class CourierCutOff(ProtocolError):
    """The file ends before its contents do: the copy was not complete."""

    slug = "courier-cut-off"


class CourierNewer(ProtocolError):
    """Written by a later version of the program."""

    slug = "courier-newer"


class CourierNotForUs(ProtocolError):
    """Whole and true, and encrypted for others."""

    slug = "courier-not-for-us"


class JournalRange(msgspec.Struct, frozen=True):
    """What a file holds of one journal: (epoch, seq) behind which it begins, and its end."""

    terminal: str
    after: tuple[int, int]
    to: tuple[int, int]


class CourierHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Who packed the file, when by their clock, and what is in it.

    `size_bytes` is the length of the contents, `ephemeral` hex. `name` is the device's, for people.
    `words`: the cloud's own on how far it has these journals, for a router that holds nothing yet.
    """

    version: int
    company_id: str
    branch_id: str
    device_id: str
    role: str
    name: str
    packed_at_ms: int
    part: int
    journals: tuple[JournalRange, ...]
    size_bytes: int
    words: tuple[Watermark, ...] = ()
    ephemeral: str = ""
    wrapped: tuple[Wrapped, ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """A whole file that was read once: its header, and what its device must have signed."""

    header: CourierHeader
    digest: bytes
    signature: bytes


def contents_bytes(envelopes: Iterable[int]) -> int:
    """Length of the contents, for envelopes of these sizes."""
    return sum(_LENGTH.size + size for size in envelopes)


def file_bytes(header_bytes: int, size_bytes: int) -> int:
    """Length of the whole file."""
    before = len(_MAGIC) + _LENGTH.size + header_bytes
    return before + _sealed_bytes(size_bytes) + SIGNATURE_BYTES


def seal(
    header: CourierHeader,
    envelopes: Iterable[bytes],
    readers: Sequence[Ed25519PublicKey],
    key: Ed25519PrivateKey,
    random: bytes,
) -> Iterator[bytes]:
    """The file, piece by piece. `random`: RANDOM_BYTES, never used before.

    Raises ValueError where the envelopes are not as long as the header says.
    """
    if len(random) != RANDOM_BYTES or not 1 <= len(readers) <= RECIPIENTS_MAX:
        raise ValueError(f"a courier file needs {RANDOM_BYTES} random bytes and some readers")
    if header.size_bytes > CONTENTS_BYTES_MAX:
        raise ValueError(f"a courier file carries up to {CONTENTS_BYTES_MAX} bytes")
    file_key, ephemeral = (
        random[:KEY_BYTES],
        X25519PrivateKey.from_private_bytes(random[KEY_BYTES:]),
    )
    whole = msgspec.structs.replace(
        header,
        ephemeral=ephemeral.public_key().public_bytes_raw().hex(),
        wrapped=wrap(file_key, readers, ephemeral),
    )
    written = msgspec.json.encode(whole)
    if len(written) > HEADER_BYTES_MAX:
        raise ValueError(f"a header holds up to {HEADER_BYTES_MAX} bytes")
    start = _MAGIC + _LENGTH.pack(len(written)) + written
    digest = hashlib.sha256(start)
    yield start
    cipher = _cipher(file_key, written)
    for number, (chunk, last) in enumerate(_chunks(envelopes, header.size_bytes)):
        sealed = cipher.encrypt(_nonce(number, last=last), chunk, None)
        digest.update(sealed)
        yield sealed
    yield key.sign(_SIGNED + digest.digest())


def examine(pieces: Iterable[bytes]) -> Examined:
    """Reads a whole file, cut into pieces anyhow, and decrypts nothing.

    Raises CourierDamaged, CourierCutOff, CourierNewer. Whose signature it must be is the
    caller's to know: see `check_signature`.
    """
    source = _Source(pieces)
    digest = hashlib.sha256()
    header, written = _read_header(source)
    digest.update(_MAGIC + _LENGTH.pack(len(written)) + written)
    left = _sealed_bytes(header.size_bytes)
    while left:
        piece = source.some(left)
        digest.update(piece)
        left -= len(piece)
    signature = source.exactly(SIGNATURE_BYTES)
    if source.rest():
        raise CourierDamaged("bytes behind the signature")
    return Examined(header, digest.digest(), signature)


def check_signature(examined: Examined, key: Ed25519PublicKey) -> None:
    """Raises SignatureWrong: altered, or packed by another device than it says."""
    if not is_signed(_SIGNED + examined.digest, examined.signature, key):
        raise SignatureWrong("the device's key did not sign this file")


def open_envelopes(pieces: Iterable[bytes], own: Ed25519PrivateKey) -> Iterator[bytes]:
    """The envelopes of a file whose signature was checked; each is decrypted when it is asked for.

    Raises CourierNotForUs, CourierDamaged, CourierCutOff.
    """
    source = _Source(pieces)
    header, written = _read_header(source)
    file_key = unwrap(header.wrapped, _unhex(header.ephemeral), own)
    if file_key is None:
        raise CourierNotForUs("it was not encrypted for this reader")
    plain = _Source(_decrypted(source, header.size_bytes, _cipher(file_key, written)))
    left = header.size_bytes
    while left:
        (length,) = _LENGTH.unpack(plain.exactly(_LENGTH.size))
        left -= _LENGTH.size + length
        if length > ENVELOPE_BYTES_MAX or left < 0:
            raise CourierDamaged("an envelope is longer than allowed")
        yield plain.exactly(length)
    # What an empty file authenticates is its one empty chunk.
    plain.rest()


def read_header(pieces: Iterable[bytes]) -> CourierHeader:
    """The header alone, unproved. Raises as `examine` does."""
    return _read_header(_Source(pieces))[0]


class _Source:
    """Pieces of any sizes, taken in the sizes that are asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""

    def some(self, most: int) -> bytes:
        """At least one byte and at most so many. Raises CourierCutOff at the end."""
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                raise CourierCutOff("the file ends too early")
            self._held = piece
        taken, self._held = self._held[:most], self._held[most:]
        return taken

    def exactly(self, count: int) -> bytes:
        """Just so many bytes. Raises CourierCutOff."""
        parts: list[bytes] = []
        while count:
            parts.append(self.some(count))
            count -= len(parts[-1])
        return b"".join(parts)

    def rest(self) -> bool:
        """Whether there is anything more."""
        return bool(self._held) or any(self._pieces)


def _read_header(source: _Source) -> tuple[CourierHeader, bytes]:
    if source.exactly(len(_MAGIC)) != _MAGIC:
        raise CourierDamaged("not a courier file")
    (length,) = _LENGTH.unpack(source.exactly(_LENGTH.size))
    if length > HEADER_BYTES_MAX:
        raise CourierDamaged("its header is too long")
    written = source.exactly(length)
    try:
        header = msgspec.json.decode(written, type=CourierHeader)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CourierDamaged(f"its header cannot be read: {error}") from error
    if header.version > VERSION:
        raise CourierNewer(f"version {header.version}")
    if not 0 <= header.size_bytes <= CONTENTS_BYTES_MAX or len(header.wrapped) > RECIPIENTS_MAX:
        raise CourierDamaged("its header is outside the limits")
    return header, written


def _chunks(envelopes: Iterable[bytes], size_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """(chunk, whether it is the last): all full but the last, which is empty for no contents."""
    held, left = bytearray(), size_bytes
    for envelope in envelopes:
        held += _LENGTH.pack(len(envelope)) + envelope
        left -= _LENGTH.size + len(envelope)
        while len(held) > CHUNK_BYTES or (len(held) == CHUNK_BYTES and left > 0):
            yield bytes(held[:CHUNK_BYTES]), False
            del held[:CHUNK_BYTES]
    if left != 0:
        raise ValueError("the envelopes are not as long as the header says")
    yield bytes(held), True


def _decrypted(source: _Source, size_bytes: int, cipher: ChaCha20Poly1305) -> Iterator[bytes]:
    left, number = size_bytes, 0
    while True:
        size = min(CHUNK_BYTES, left)
        left -= size
        sealed = source.exactly(size + _TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, last=left == 0), sealed, None)
        except InvalidTag as error:
            raise CourierDamaged(f"chunk {number} was altered") from error
        if left == 0:
            return
        number += 1


def _sealed_bytes(size_bytes: int) -> int:
    """Length of all chunks; contents of no length are one empty chunk."""
    return size_bytes + max(1, -(-size_bytes // CHUNK_BYTES)) * _TAG_BYTES


def _cipher(file_key: bytes, header: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(derive(file_key, hashlib.sha256(header).digest(), _INFO))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
