"""Decisions on their way down: one revision is one change set, sealed and signed by the cloud."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.ed25519 import is_signed
from sentra.protocol.errors import FeedDamaged

COMPANY = "company"
"""The scope that every device of the company reads; the others are branch ids."""

ITEMS_MAX = 2_000
"""Items in one revision: a till applies it in one short transaction."""

RAW_BYTES_MAX = 16 * 1024 * 1024
_TAG = b"sentra/feed/1"

_TIMELINE = "timeline"
"""A row of the payload that is no item: its key is the timeline in which the revision was
published. It looks like the deletion of something that nobody has, which is what a program that
does not know it makes of it."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """`body` None deletes the key."""

    kind: str
    key: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class SealedRevision:
    """As it is stored, cached by routers and verified by tills."""

    scope: str
    revision: int
    sealed: bytes
    signature: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[str, str, bytes | None]])
_page_decoder = msgspec.msgpack.Decoder(tuple[int, list[tuple[int, bytes, bytes]]])

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _signed_bytes(scope: str, revision: int, sealed: bytes) -> bytes:
    return _TAG + f"\n{scope}\n{revision}\n".encode() + hashlib.sha256(sealed).digest()


def seal_revision(
    scope: str,
    revision: int,
    items: Sequence[FeedItem],
    key: Ed25519PrivateKey,
    timeline: str | None = None,
) -> SealedRevision:
    """One signed revision. Raises ValueError for none or more than ITEMS_MAX items."""
    if not 1 <= len(items) <= ITEMS_MAX:
        raise ValueError(f"a revision holds 1 to {ITEMS_MAX} items, not {len(items)}")
    rows = [(item.kind, item.key, item.body) for item in items]
    if timeline is not None:
        rows.append((_TIMELINE, timeline, None))
    raw = _encoder.encode(rows)
    sealed = zstandard.ZstdCompressor(level=3).compress(raw)
    return SealedRevision(scope, revision, sealed, key.sign(_signed_bytes(scope, revision, sealed)))


def open_revision(revision: SealedRevision, cloud_key: Ed25519PublicKey) -> list[FeedItem]:
    """The items of a revision that the cloud signed. Raises FeedDamaged."""
    return open_dated(revision, cloud_key)[1]


def open_dated(
    revision: SealedRevision, cloud_key: Ed25519PublicKey
) -> tuple[str | None, list[FeedItem]]:
    """The timeline in which it was published, None where an older cloud did not say, and the items.

    Raises FeedDamaged.
    """
    signed = _signed_bytes(revision.scope, revision.revision, revision.sealed)
    if not is_signed(signed, revision.signature, cloud_key):
        raise FeedDamaged(f"revision {revision.revision} of {revision.scope}")
    try:
        # A size inside the frame overrides max_output_size and would be allocated unseen.
        if zstandard.frame_content_size(revision.sealed) > RAW_BYTES_MAX:
            raise FeedDamaged(f"revision {revision.revision} of {revision.scope} is too large")
        raw = zstandard.ZstdDecompressor().decompress(
            revision.sealed, max_output_size=RAW_BYTES_MAX
        )
        rows = _decoder.decode(raw)
    except (zstandard.ZstdError, *_UNREADABLE) as error:
        raise FeedDamaged(f"revision {revision.revision} of {revision.scope}") from error
    timeline = next((key for kind, key, _ in rows if kind == _TIMELINE), None)
    return timeline, [FeedItem(*row) for row in rows if row[0] != _TIMELINE]


def pack_page(head: int, revisions: Sequence[SealedRevision]) -> bytes:
    """The answer to `GET /v1/feed`: the scope's head here, and revisions in order."""
    return _encoder.encode((head, [(r.revision, r.sealed, r.signature) for r in revisions]))


def unpack_page(scope: str, body: bytes) -> tuple[int, list[SealedRevision]]:
    """(head there, revisions in order). Raises FeedDamaged."""
    try:
        head, rows = _page_decoder.decode(body)
    except _UNREADABLE as error:
        raise FeedDamaged(f"the page of {scope} is unreadable") from error
    return head, [SealedRevision(scope, *row) for row in rows]
