"""A feed's whole state: packed in order, signed as it stands, opened only unaltered."""

from __future__ import annotations

import hashlib
import struct

import msgspec
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.feed import ITEMS_MAX, FeedItem
from sentra.protocol.snapshot import (
    SnapshotDamaged,
    check_digest,
    pack_items,
    read_note,
    unpack_items,
    write_note,
)
from tests.fakes.snapshots import a_snapshot
from tests.support.tills import CLOUD_KEY

PUBLIC = CLOUD_KEY.public_key()


def items(count: int, price: int = 1) -> list[FeedItem]:
    return [FeedItem("product", f"{n:06d}", b'{"price":%d}' % price) for n in range(count)]


def opened(packed: bytes, part_bytes: int = 1000) -> list[FeedItem]:
    parts = [packed[at : at + part_bytes] for at in range(0, len(packed), part_bytes)]
    return [item for block in unpack_items("company", parts) for item in block]


@pytest.mark.parametrize("count", [0, 1, ITEMS_MAX, ITEMS_MAX + 1])
def test_a_state_comes_back_as_it_was_however_it_is_cut(count: int) -> None:
    packed = pack_items(items(count))
    assert opened(packed) == items(count)
    assert opened(packed, 7) == items(count)


def test_a_note_says_what_the_cloud_signed_and_nothing_else() -> None:
    note = a_snapshot("company", 9, items(3)).note
    assert read_note(write_note(note), "company", PUBLIC) == note
    for change in (
        {"revision": 10},
        {"timeline": "another"},
        {"timeline_at_ms": note.timeline_at_ms + 1},
        {"made_at_ms": note.made_at_ms + 1},
        {"size": note.size + 1},
        {"sha256": hashlib.sha256(b"x").hexdigest()},
        {"scope": "other"},
        {"signature": "zz"},
        {"signature": "00" * 64},
    ):
        altered = write_note(msgspec.structs.replace(note, **change))
        with pytest.raises(SnapshotDamaged):
            read_note(altered, str(change.get("scope", "company")), PUBLIC)


@pytest.mark.parametrize("text", ["", "{}", "[]", "\ud800", '{"scope":1}', "[" * 100_000])
def test_a_note_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SnapshotDamaged):
        read_note(text.encode("utf-8", "surrogatepass"), "company", PUBLIC)


def test_a_snapshot_of_another_scope_or_another_clouds_is_refused() -> None:
    with pytest.raises(SnapshotDamaged):
        read_note(write_note(a_snapshot("a-branch", 9, items(1)).note), "company", PUBLIC)
    strange = a_snapshot("company", 9, items(1), key=Ed25519PrivateKey.generate())
    with pytest.raises(SnapshotDamaged):
        read_note(write_note(strange.note), "company", PUBLIC)


def test_a_file_that_is_cut_off_or_altered_is_not_the_signed_one() -> None:
    made = a_snapshot("company", 9, items(50))
    check_digest(made.note, [made.packed[:9], made.packed[9:]])
    dearer = pack_items(items(50, price=9))
    for parts in ([made.packed[:-1]], [made.packed, b"x"], [], [dearer]):
        with pytest.raises(SnapshotDamaged):
            check_digest(made.note, parts)


def block(*rows: tuple[str, str, bytes]) -> bytes:
    raw = msgspec.msgpack.encode(rows)
    return struct.pack(">I", len(raw)) + raw


@pytest.mark.parametrize(
    "raw",
    [
        b"abc",
        struct.pack(">I", 0),
        struct.pack(">I", 2**32 - 1),
        struct.pack(">I", 100) + b"short",
        block(("product", "b", b""), ("product", "a", b"")),
        block(("product", "a", b"")) * 2,
        struct.pack(">I", 1) + b"\xc1",
    ],
)
def test_what_cannot_be_a_state_is_refused_without_a_crash(raw: bytes) -> None:
    packed = zstandard.ZstdCompressor().compress(raw)
    with pytest.raises(SnapshotDamaged):
        opened(packed)
    with pytest.raises(SnapshotDamaged):
        opened(raw or b"x")
