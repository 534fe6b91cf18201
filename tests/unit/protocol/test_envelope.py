"""Envelopes: every parcel comes out as it went in, or nothing does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.protocol.envelope import (
    ENVELOPE_BYTES_MAX,
    SEGMENTS_MAX,
    Custody,
    EnvelopeDamaged,
    Parcel,
    pack,
    unpack,
)
from sentra.protocol.segment import SEGMENT_BYTES_MAX
from tests.unit.protocol.shapes import an_id, flipped, ids

custodies = st.builds(Custody, ids, st.integers(0, 2**63 - 1))
parcels = st.builds(Parcel, st.binary(max_size=300), st.none() | custodies)
lists = st.lists(parcels, max_size=12)


@given(lists)
def test_what_is_packed_is_unpacked(sent: list[Parcel]) -> None:
    assert unpack(pack(sent)) == sent


@given(lists, st.data())
def test_a_truncated_envelope_gives_nothing(sent: list[Parcel], data: st.DataObject) -> None:
    body = pack(sent)
    with pytest.raises(EnvelopeDamaged):
        unpack(body[: data.draw(st.integers(0, len(body) - 1))])


@given(lists, st.binary(min_size=1, max_size=20))
def test_bytes_behind_the_end_are_refused(sent: list[Parcel], more: bytes) -> None:
    with pytest.raises(EnvelopeDamaged):
        unpack(pack(sent) + more)


@given(lists, st.integers(0, 10**6))
def test_a_flipped_bit_is_refused_or_in_what_the_segments_sign(
    sent: list[Parcel], bit: int
) -> None:
    try:
        received = unpack(flipped(pack(sent), bit))
    except EnvelopeDamaged:
        return
    assert len(received) <= len(sent)


@given(st.binary(max_size=200))
def test_junk_is_refused_or_an_envelope(junk: bytes) -> None:
    for body in (junk, b"SNV1" + junk):
        try:
            assert pack(unpack(body)) is not None
        except EnvelopeDamaged:
            continue


def test_limits_hold_on_both_sides() -> None:
    with pytest.raises(ValueError, match="2000"):
        pack([Parcel(b"")] * (SEGMENTS_MAX + 1))
    with pytest.raises(ValueError, match="bytes"):
        pack([Parcel(bytes(SEGMENT_BYTES_MAX))] * 9)
    too_many = b"SNV1" + (SEGMENTS_MAX + 1).to_bytes(2, "big") + bytes(4 * (SEGMENTS_MAX + 1))
    with pytest.raises(EnvelopeDamaged, match="more than"):
        unpack(too_many)
    with pytest.raises(EnvelopeDamaged, match="larger"):
        unpack(b"SNV1\x00\x00" + bytes(ENVELOPE_BYTES_MAX))


def test_a_length_that_lies_is_refused() -> None:
    body = pack([Parcel(b"abc")])
    for length in (0, 2, 4, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MAX + 1, 2**32 - 1):
        with pytest.raises(EnvelopeDamaged):
            unpack(body[:6] + length.to_bytes(4, "big") + body[10:])


def test_a_stamp_costs_nothing_where_there_is_none() -> None:
    assert len(pack([Parcel(b"abc")])) == 6 + 4 + 3
    stamped = Parcel(b"abc", Custody(an_id(1), 5))
    assert len(pack([stamped])) == 6 + 4 + 24 + 3
