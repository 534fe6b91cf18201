"""One object of the archive: `SNTA1` | MessagePack | the cloud's Ed25519 signature (64 bytes).

The MessagePack is a map with a `type`: a run of one journal's sealed segments, a branch's journals
and how far each is archived, or the register of the company. Whoever has the company's public key
and a folder of such objects needs nothing else to read every fact again.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.failures import Failure
from sentra.protocol.ed25519 import SIGNATURE_BYTES, is_signed
from sentra.protocol.messages import HeadNote

PREFIX: Final = "archive/"
SUFFIX: Final = ".snta"
Lane = Literal["main", "fork"]

_MAGIC: Final = b"SNTA1"
_TAG: Final = b"sentra/archive/1"
_MAIN: Final = re.compile(
    r"archive/journal/([0-9a-f-]{36})/main-([0-9]{10})-([0-9]{16})-[0-9a-f]{64}\.snta"
)
_DIGEST_DIGITS: Final = 64


class ArchiveError(Failure):
    """The family: facts cannot be archived, or the archive is not what it should be."""

    code = "archive"


class ArchiveDamaged(ArchiveError):
    """An object's bytes are not those that its key says, or not the company's."""

    code = "archive-damaged"
    sentence = "The archive's object %(key)s is damaged: %(reason)s. Put it back from a copy."


class ArchiveMissing(ArchiveError):
    """An object that another one names is not there."""

    code = "archive-missing"
    sentence = "The archive's object %(key)s is missing. Put it back from a copy."


class ArchiveAhead(ArchiveError):
    """The database was set back, and what it lost of a journal is in the archive."""

    code = "archive-ahead"
    sentence = (
        "The archive goes on with terminal %(terminal)s behind entry %(epoch)s/%(seq)s, where this "
        "database ends, up to %(to_epoch)s/%(to_seq)s. Run `sentra db archive --take-back`."
    )


class ArchiveApart(ArchiveError):
    """An object does not continue what the database has of its journal."""

    code = "archive-apart"
    sentence = (
        "The archive's object %(key)s was not taken back, for it does not continue what is here "
        "(%(problem)s). Put back from a copy what is damaged or missing, then run `sentra db "
        "archive --take-back`."
    )


class SegmentUnfit(ArchiveError):
    """What PostgreSQL gave is not what a terminal sealed; nothing behind it is archived."""

    code = "archive-segment"
    sentence = (
        "Entry %(epoch)s/%(seq)s of terminal %(terminal)s cannot be archived: %(reason)s. Run "
        "`sentra verify --cloud`."
    )


class ArchivedSegment(msgspec.Struct, frozen=True, array_like=True):
    """A sealed segment and its custody, as the row of the cloud's table has them."""

    sealed: bytes
    delivered_by: str
    received_at_ms: int
    custody_router: str | None = None
    custody_at_ms: int | None = None


class JournalObject(msgspec.Struct, frozen=True, kw_only=True, tag="journal"):
    """Segments of one journal, in order, the last of which ends at `seq` of `epoch`. `before` is
    the key of the object that was archived before, of either lane; None for a journal's first."""

    company: str
    branch: str
    terminal: str
    lane: Lane
    epoch: int
    seq: int
    at_ms: int
    before: str | None
    segments: tuple[ArchivedSegment, ...]


class JournalMark(msgspec.Struct, frozen=True, array_like=True):
    """How far a journal is archived, and the key of its last object."""

    head: HeadNote
    last_key: str


class BranchObject(msgspec.Struct, frozen=True, kw_only=True, tag="branch"):
    """A branch's journals, by terminal: with it, also the loss of a last object is found."""

    company: str
    branch: str
    at_ms: int
    journals: dict[str, JournalMark]


Columns = dict[str, str | int | bool | None]


class RegisterObject(msgspec.Struct, frozen=True, kw_only=True, tag="register"):
    """Who is who: rows of `company`, `branch` and `device`, without what changes daily."""

    company: str
    at_ms: int
    company_row: Columns
    branches: tuple[Columns, ...]
    devices: tuple[Columns, ...]


class FeedObject(msgspec.Struct, frozen=True, kw_only=True, tag="feed"):
    """What one scope says at a revision: the file of a snapshot of the feed."""

    company: str
    scope: str
    revision: int
    at_ms: int
    packed: bytes


Stored = JournalObject | BranchObject | RegisterObject | FeedObject
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Stored)


def pack(stored: Stored, key: Ed25519PrivateKey) -> bytes:
    """The object's bytes, signed by the company."""
    payload = _encoder.encode(stored)
    return _MAGIC + payload + key.sign(_signed(payload))


def key_of(stored: Stored, data: bytes) -> str:
    """Where the object belongs: kind, whose it is, its order among its like, and its digest."""
    digest = hashlib.sha256(data).hexdigest()
    return f"{PREFIX}{_place(stored)}-{digest}{SUFFIX}"


def unpack(key: str, data: bytes, public_key: Ed25519PublicKey) -> Stored:
    """What the object says. Raises ArchiveDamaged where a bit is not as it was written."""
    if not is_key(key) or hashlib.sha256(data).hexdigest() != digest_of(key):
        raise ArchiveDamaged(key=key, reason="its bytes are not those of its name")
    payload, signature = data[len(_MAGIC) : -SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if not is_signed(_signed(payload), signature, public_key):
        raise ArchiveDamaged(key=key, reason="the company's key did not sign it")
    try:
        stored: Stored = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveDamaged(key=key, reason=str(error)) from error
    if not key.startswith(f"{PREFIX}{_place(stored)}-"):
        raise ArchiveDamaged(key=key, reason="it belongs elsewhere")
    return stored


def end_of(key: str) -> tuple[str, int, int] | None:
    """(terminal, epoch, seq) that an object of a journal's main line reaches, by its name."""
    found = _MAIN.fullmatch(key)
    return None if found is None else (found[1], int(found[2]), int(found[3]))


def is_key(key: str) -> bool:
    """Whether this is the name of an object of ours."""
    return key.startswith(PREFIX) and key.endswith(SUFFIX) and len(digest_of(key)) == _DIGEST_DIGITS


def digest_of(key: str) -> str:
    """The digest that a key promises, 64 hex digits."""
    return key.removesuffix(SUFFIX).rpartition("-")[2]


def _place(stored: Stored) -> str:
    if isinstance(stored, RegisterObject):
        return f"register/{stored.at_ms:015d}"
    if isinstance(stored, FeedObject):
        return f"feed/{stored.scope}/{stored.at_ms:015d}"
    if isinstance(stored, BranchObject):
        return f"branch/{stored.branch}/{stored.at_ms:015d}"
    return f"journal/{stored.terminal}/{stored.lane}-{stored.epoch:010d}-{stored.seq:016d}"


def _signed(payload: bytes) -> bytes:
    return _TAG + hashlib.sha256(payload).digest()
