"""Ids are RFC 9562 UUIDs of version 7, in one written form."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.ids import RANDOM_BYTES, IdError, is_id, made_at_ms, uuid7

times = st.integers(0, 2**48 - 1)
randoms = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(times, randoms)
def test_an_id_is_a_canonical_uuid_of_version_7(time_ms: int, random_bytes: bytes) -> None:
    made = uuid7(time_ms, random_bytes)
    parsed = uuid.UUID(made)
    assert is_id(made)
    assert str(parsed) == made
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


@given(times, randoms)
def test_an_id_tells_when_it_was_made(time_ms: int, random_bytes: bytes) -> None:
    assert made_at_ms(uuid7(time_ms, random_bytes)) == time_ms


@given(times, times, randoms, randoms)
def test_ids_sort_by_the_time_of_their_making(a: int, b: int, r: bytes, s: bytes) -> None:
    if a < b:
        assert uuid7(a, r) < uuid7(b, s)


@given(times, randoms, randoms)
def test_all_74_random_bits_that_are_kept_tell_ids_apart(time_ms: int, r: bytes, s: bytes) -> None:
    kept = 2**74 - 1
    same = int.from_bytes(r, "big") & kept == int.from_bytes(s, "big") & kept
    assert (uuid7(time_ms, r) == uuid7(time_ms, s)) == same


def test_the_example_of_the_rfc_is_made_from_its_ingredients() -> None:
    """RFC 9562 appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F."""
    random = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(RANDOM_BYTES, "big")
    assert uuid7(0x017F22E279B0, random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
    ],
)
def test_any_other_form_is_no_id(text: str) -> None:
    assert not is_id(text)


def test_an_id_needs_its_ingredients() -> None:
    for time_ms, random_bytes in ((-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9))):
        with pytest.raises(IdError):
            uuid7(time_ms, random_bytes)
    with pytest.raises(IdError):
        made_at_ms("00000000-0000-4000-8000-000000000000")
