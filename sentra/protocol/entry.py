"""One fact in a journal, chained to the one before by SHA-256."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

import msgspec

_TAG = b"sentra/entry/1"
_HEADER = struct.Struct(">16sIQHQ10s")

GENESIS = bytes(32)
"""`prev` of a terminal's very first entry."""

EPOCH_MAX = 2**31 - 1
"""Every store keeps it in 32 bits; a terminal opens one each time it was restored."""

SEQ_MAX = 2**63 - 1
"""Every store keeps it in 64 bits with a sign."""

HASH_BYTES = 32

DATE_BYTES = 10
"""`2026-11-22`."""

BODY_BYTES_MAX = 256 * 1024
"""A receipt of 500 lines is about 100 KiB; more is not a fact of a till."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """`terminal` is the device's id; `body` the UTF-8 JSON as it was written, byte for byte."""

    terminal: str
    epoch: int
    seq: int
    kind: str
    schema: int
    recorded_at_ms: int
    business_date: str
    body: bytes
    hash: bytes


class Head(msgspec.Struct, frozen=True, gc=False):
    """The last entry that a store holds without a gap. seq 0 in epoch 1: nothing yet."""

    epoch: int
    seq: int
    hash: bytes


EMPTY = Head(1, 0, GENESIS)


def terminal_bytes(terminal: str) -> bytes:
    """The 16 bytes of a device's id."""
    return bytes.fromhex(terminal.replace("-", ""))


def entry_hash(
    terminal: bytes,
    epoch: int,
    seq: int,
    kind: bytes,
    schema: int,
    recorded_at_ms: int,
    business_date: bytes,
    body: bytes,
    prev: bytes,
) -> bytes:
    """SHA-256 over the domain tag, the header, the kind, the body and the hash before.

    Lengths come before what has no fixed one, so that no two entries share an input.
    """
    return hashlib.sha256(
        b"".join(
            (
                _TAG,
                _HEADER.pack(terminal, epoch, seq, schema, recorded_at_ms, business_date),
                len(kind).to_bytes(2, "big"),
                kind,
                len(body).to_bytes(4, "big"),
                body,
                prev,
            )
        )
    ).digest()


def make_entry(
    terminal: str,
    head: Head,
    kind: str,
    schema: int,
    recorded_at_ms: int,
    business_date: str,
    body: bytes,
) -> Entry:
    """The entry that follows `head` in its epoch."""
    digest = entry_hash(
        terminal_bytes(terminal),
        head.epoch,
        head.seq + 1,
        kind.encode(),
        schema,
        recorded_at_ms,
        business_date.encode(),
        body,
        head.hash,
    )
    return Entry(
        terminal,
        head.epoch,
        head.seq + 1,
        kind,
        schema,
        recorded_at_ms,
        business_date,
        body,
        digest,
    )


def head_of(entry: Entry) -> Head:
    """The head of a journal that ends with this entry."""
    return Head(entry.epoch, entry.seq, entry.hash)


def first_broken(entries: Iterable[Entry], before: Head) -> Entry | None:
    """The first entry that does not continue the chain after `before`, or None.

    A new epoch starts at seq 1 and chains to the last entry of the epoch before.
    """
    head = before
    for entry in entries:
        expected_seq = head.seq + 1 if entry.epoch == head.epoch else 1
        if (
            entry.seq != expected_seq
            or entry.epoch < head.epoch
            or _hash_behind(entry, head.hash) != entry.hash
        ):
            return entry
        head = Head(entry.epoch, entry.seq, entry.hash)
    return None


def _hash_behind(entry: Entry, prev: bytes) -> bytes | None:
    """What the entry's hash must be; None where it holds what no entry can hold."""
    try:
        business_date = entry.business_date.encode()
        if len(business_date) != DATE_BYTES:
            return None
        return entry_hash(
            terminal_bytes(entry.terminal),
            entry.epoch,
            entry.seq,
            entry.kind.encode(),
            entry.schema,
            entry.recorded_at_ms,
            business_date,
            entry.body,
            prev,
        )
    # A number or a text that does not fit into the header, or a column of another type.
    except (struct.error, OverflowError, ValueError, TypeError, AttributeError):
        return None
