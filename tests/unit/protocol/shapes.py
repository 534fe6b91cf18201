"""Hypothesis strategies for the protocol's things, and small makers of true ones."""

from __future__ import annotations

import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from sentra.protocol.entry import EMPTY, Entry, Head, head_of, make_entry

KEY = Ed25519PrivateKey.from_private_bytes(b"\x21" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\x22" * 32)
PUBLIC = KEY.public_key()
TERMINAL = "01980000-0000-7000-8000-00000000000a"

ids = st.uuids().map(str)
kinds = st.text("abcdefghijklmnopqrstuvwxyz._-", min_size=1, max_size=64)
schemas = st.integers(0, 0xFFFF)
instants = st.integers(0, 2**63 - 1)
dates = st.dates().map(str).filter(lambda text: len(text) == 10)
bodies = st.binary(max_size=400)

facts = st.tuples(kinds, schemas, instants, dates, bodies)
fact_lists = st.lists(facts, min_size=1, max_size=12)


def chained(
    parts: list[tuple[str, int, int, str, bytes]], head: Head = EMPTY, terminal: str = TERMINAL
) -> list[Entry]:
    """Entries that follow a head."""
    entries = []
    for kind, schema, at_ms, date, body in parts:
        entry = make_entry(terminal, head, kind, schema, at_ms, date, body)
        head = head_of(entry)
        entries.append(entry)
    return entries


def some(count: int, body: bytes = b'{"a":1}', head: Head = EMPTY) -> list[Entry]:
    """Plain entries."""
    return chained([("sale.completed", 1, 1_790_000_000_000, "2026-11-22", body)] * count, head)


def flipped(content: bytes, bit: int) -> bytes:
    """The content with one bit changed; the bit's number wraps around."""
    at, mask = divmod(bit % (len(content) * 8), 8)
    return content[:at] + bytes([content[at] ^ 1 << mask]) + content[at + 1 :]


def an_id(number: int) -> str:
    return str(uuid.UUID(int=number))
