"""Segments: sealed once, whole or refused, whatever is done to their bytes."""

from __future__ import annotations

import resource
import struct
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sentra.protocol import segment as segments
from sentra.protocol.entry import BODY_BYTES_MAX, EMPTY, GENESIS, Entry, Head, head_of
from sentra.protocol.errors import ChainBroken, ProtocolError, SegmentDamaged, SignatureWrong
from sentra.protocol.segment import (
    ENTRIES_MAX,
    SEGMENT_BYTES_MAX,
    check_signature,
    follows,
    open_segment,
    peek,
    read_header,
    seal,
    seal_all,
)
from tests.unit.protocol.shapes import (
    KEY,
    OTHER_KEY,
    PUBLIC,
    chained,
    fact_lists,
    flipped,
    ids,
    some,
)

HEADER = struct.Struct(">B16sIQH32sI")
SEALED = seal(some(5), KEY)


@given(fact_lists, ids, st.integers(1, 2**31 - 1), st.integers(0, 2**40))
def test_what_is_sealed_opens_to_the_same_entries(
    parts: list,  # type: ignore[type-arg]
    terminal: str,
    epoch: int,
    seq: int,
) -> None:
    head = Head(epoch, seq, b"\x07" * 32)
    entries = chained(parts, head, terminal)
    sealed = seal(entries, KEY)
    header = check_signature(sealed, PUBLIC)
    assert (header.terminal, header.epoch) == (terminal, epoch)
    assert (header.first_seq, header.last_seq) == (seq + 1, seq + len(entries))
    assert open_segment(sealed, head.hash) == entries
    assert [(number, body) for number, _, _, body in peek(sealed)] == [
        (entry.seq, entry.body) for entry in entries
    ]


@given(fact_lists)
def test_sealing_the_same_entries_gives_the_same_bytes(parts: list) -> None:  # type: ignore[type-arg]
    entries = chained(parts)
    assert seal(entries, KEY) == seal(entries, KEY)


def taken(sealed: bytes) -> list[Entry]:
    """What a store does: signature first, then the chain."""
    check_signature(sealed, PUBLIC)
    return open_segment(sealed, GENESIS)


@given(st.integers(0, len(SEALED) * 8 - 1))
@settings(max_examples=600)
def test_a_flipped_bit_is_refused_or_changes_nothing(bit: int) -> None:
    try:
        entries = taken(flipped(SEALED, bit))
    except ProtocolError:
        return
    assert entries == some(5)


@given(st.integers(0, len(SEALED) - 1))
def test_a_truncated_segment_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError):
        taken(SEALED[:size])


@given(st.binary(max_size=400))
def test_junk_is_refused(junk: bytes) -> None:
    for content in (junk, b"SNT1" + junk, SEALED[:70] + junk, SEALED + junk[:1] * 2_000_000):
        if content != SEALED:
            with pytest.raises(ProtocolError):
                taken(content)


def test_another_terminals_key_is_refused() -> None:
    with pytest.raises(SignatureWrong):
        check_signature(seal(some(2), OTHER_KEY), PUBLIC)


def test_another_hash_before_it_is_a_broken_chain() -> None:
    with pytest.raises(ChainBroken):
        open_segment(SEALED, b"\x01" * 32)


def test_the_payload_of_another_segment_under_a_true_signature_is_a_broken_chain() -> None:
    other = seal(some(5, b'{"a":2}'), KEY)
    start, end = 4 + HEADER.size, len(SEALED) - 64
    assert len(other) == len(SEALED)
    mixed = SEALED[:start] + other[start:end] + SEALED[end:]
    check_signature(mixed, PUBLIC)
    with pytest.raises(ChainBroken):
        open_segment(mixed, GENESIS)


# --- Headers that lie ---------------------------------------------------------------------------


def lying(**lies: int | bytes) -> bytes:
    """SEALED with other header fields, and a signature by the terminal's own key over them."""
    names = ("dictionary", "terminal", "epoch", "first", "count", "last_hash", "raw")
    fields = dict(zip(names, HEADER.unpack_from(SEALED, 4), strict=True)) | lies
    body = SEALED[4 + HEADER.size : -64]
    unsigned = b"SNT1" + HEADER.pack(*fields.values()) + body
    first, count = fields["first"], fields["count"]
    assert isinstance(first, int)
    assert isinstance(count, int)
    signed = b"sentra/segment/1" + struct.pack(
        ">16sIQQ32s",
        fields["terminal"],
        fields["epoch"],
        first,
        min(first + count - 1, 2**64 - 1),
        fields["last_hash"],
    )
    return unsigned + KEY.sign(signed)


@pytest.mark.parametrize(
    "lies",
    [
        {"count": 0},
        {"count": 4},
        {"count": 6},
        {"count": 2001},
        {"count": 65_535},
        {"first": 0},
        {"first": 2},
        {"first": 2**63 - 2},
        {"first": 2**64 - 1},
        {"epoch": 0},
        {"epoch": 2**32 - 1},
        {"raw": 0},
        {"raw": 10},
        {"raw": 2**32 - 1},
        {"raw": 16 * 1024 * 1024},
        {"dictionary": 0},
        {"dictionary": 2},
        {"dictionary": 255},
        {"last_hash": bytes(32)},
    ],
)
def test_a_header_that_lies_is_refused_even_when_it_is_signed(lies: dict[str, int]) -> None:
    with pytest.raises(ProtocolError):
        taken(lying(**lies))


def test_no_number_in_a_header_is_larger_than_a_store_can_hold() -> None:
    header = read_header(lying(first=2**63 - 3_000))
    assert header.last_seq < 2**63
    for lies in ({"first": 2**63 - 10}, {"epoch": 2**31}):
        with pytest.raises(SegmentDamaged):
            read_header(lying(**lies))


def bomb(claimed: int | None) -> bytes:
    """A payload of a gigabyte of nothing, in a few kilobytes."""
    compressor = zstandard.ZstdCompressor(level=19, write_content_size=claimed is not None)
    if claimed is not None:
        return compressor.compress(bytes(claimed))
    writer = compressor.compressobj()
    parts = [writer.compress(bytes(1 << 20)) for _ in range(1024)]
    return b"".join([*parts, writer.flush()])


@pytest.mark.parametrize(
    "payload",
    [lambda: bomb(None), lambda: bomb(64 * 1024 * 1024)],
    ids=["size unsaid", "size said"],
)
def test_a_decompression_bomb_is_refused_without_being_unpacked(
    payload: Callable[[], bytes],
) -> None:
    header = HEADER.pack(*HEADER.unpack_from(SEALED, 4)[:6], 16 * 1024 * 1024)
    packed = payload()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SegmentDamaged):
        open_segment(b"SNT1" + header + packed + bytes(64), GENESIS)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 64 * 1024


@pytest.mark.parametrize(
    "row",
    [
        ("k" * 65, 1, 1, "2026-11-22", b""),
        ("", 1, 1, "2026-11-22", b""),
        ("k\n", 1, 1, "2026-11-22", b""),
        ("k", -1, 1, "2026-11-22", b""),
        ("k", 65_536, 1, "2026-11-22", b""),
        ("k", 1, -1, "2026-11-22", b""),
        ("k", 1, 2**63, "2026-11-22", b""),
        ("k", 1, 1, "2026-11-2", b""),
        ("k", 1, 1, "2026-11-2é", b""),
        ("k", 1, 1, "2026-11-22", bytes(BODY_BYTES_MAX + 1)),
        ("k", 1, 1, "2026-11-22"),
        ("k", "1", 1, "2026-11-22", b""),
        (None, 1, 1, "2026-11-22", b""),
    ],
)
def test_an_entry_that_no_store_can_hold_is_refused(row: tuple[object, ...]) -> None:
    import msgspec

    raw = msgspec.msgpack.encode([row])
    fields = [*HEADER.unpack_from(SEALED, 4)]
    fields[4], fields[6] = 1, len(raw)
    dictionary = segments._dictionary(1)
    packed = zstandard.ZstdCompressor(dict_data=dictionary, write_content_size=False).compress(raw)
    with pytest.raises(SegmentDamaged):
        open_segment(b"SNT1" + HEADER.pack(*fields) + packed + bytes(64), GENESIS)


# --- Cutting ------------------------------------------------------------------------------------


def test_a_segment_holds_one_to_its_most_entries() -> None:
    with pytest.raises(ValueError, match="1 to"):
        seal([], KEY)
    with pytest.raises(ValueError, match="1 to"):
        seal(some(ENTRIES_MAX + 1), KEY)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 3))
def test_any_run_is_cut_into_segments_that_follow_each_other(sizes: list[int], epochs: int) -> None:
    entries, head = [], EMPTY
    for epoch in range(1, epochs + 1):
        head = Head(epoch, 0, head.hash)
        parts = [("k", 1, 1, "2026-11-22", bytes(size)) for size in sizes]
        made = chained(parts, head)
        entries += made
        head = head_of(made[-1]) if made else head
    headers = [read_header(sealed) for sealed in seal_all(entries, KEY)]
    assert sum(header.count for header in headers) == len(entries)
    at = EMPTY
    for header in headers:
        assert follows(header, at) or header.epoch > at.epoch
        at = Head(header.epoch, header.last_seq, header.last_hash)


def test_a_long_backlog_is_cut_at_the_most_entries() -> None:
    headers = [read_header(sealed) for sealed in seal_all(some(4_500), KEY)]
    assert [header.count for header in headers] == [2_000, 2_000, 500]


def test_what_hardly_shrinks_is_halved_until_it_fits() -> None:
    import random

    noise = random.Random(1)
    parts = [("k", 1, 1, "2026-11-22", noise.randbytes(200_000)) for _ in range(12)]
    entries = chained(parts)
    sealed = list(seal_all(entries, KEY))
    assert all(len(one) <= SEGMENT_BYTES_MAX for one in sealed)
    prev, opened = GENESIS, []
    for one in sealed:
        opened += open_segment(one, prev)
        prev = opened[-1].hash
    assert opened == entries


def test_a_single_entry_of_the_largest_size_always_fits() -> None:
    import random

    body = random.Random(2).randbytes(BODY_BYTES_MAX)
    sealed = list(seal_all(chained([("k", 1, 1, "2026-11-22", body)]), KEY))
    assert len(sealed) == 1
    assert len(sealed[0]) <= SEGMENT_BYTES_MAX


def test_a_segment_follows_a_head_in_its_epoch_or_at_the_start_of_a_later_one() -> None:
    header = read_header(seal(some(2, head=Head(1, 4, bytes(32))), KEY))
    assert follows(header, Head(1, 4, b""))
    assert not follows(header, Head(1, 3, b""))
    assert not follows(header, Head(2, 4, b""))
    first = read_header(seal(some(1, head=Head(2, 0, bytes(32))), KEY))
    assert follows(first, Head(1, 99, b""))
    assert not follows(first, Head(3, 0, b""))
    later = read_header(seal(some(1, head=Head(5, 0, bytes(32))), KEY))
    assert follows(later, Head(2, 7, b""))


def test_the_bytes_are_what_they_were_in_every_version() -> None:
    """A stored segment must open for ever: these bytes were sealed by the first version."""
    assert open_segment(bytes.fromhex(GOLDEN), GENESIS) == some(2)
    check_signature(bytes.fromhex(GOLDEN), PUBLIC)


GOLDEN = (
    "534e5431010198000000007000800000000000000a00000001000000000000000100021734ce1d896a44998b"
    "9ec4b170d13da7f37da37a0b19d73144269218b36f27f40000005d28b52ffd0000dd00007892a0c4506c00c4"
    "077b2261223a317d03fcc7dcdb9aa62c7c0f0c4bd0e6b7415fe35bb66f99f451b5a4740d8005a34a43dbed85"
    "05183ceba9e73b2f0d0c83a64fed3693609bcb67e083850875b5bd6c49607d97aa5ffa832bd503"
)
