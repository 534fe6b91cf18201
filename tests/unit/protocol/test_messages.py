"""Heads and watermarks on the wire: bounded, and the cloud's word is the cloud's alone."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.protocol.entry import Head
from sentra.protocol.messages import HeadNote, note_of, sign_watermark, watermark_is_true
from tests.unit.protocol.shapes import KEY, OTHER_KEY, PUBLIC, TERMINAL

heads = st.builds(
    Head,
    st.integers(1, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)


@given(heads)
def test_a_head_comes_back_from_the_wire(head: Head) -> None:
    body = msgspec.json.encode(note_of(head))
    assert msgspec.json.decode(body, type=HeadNote).to_head() == head


@pytest.mark.parametrize(
    "note",
    [
        HeadNote(1, 1, "zz"),
        HeadNote(1, 1, ""),
        HeadNote(1, 1, "00" * 31),
        HeadNote(1, 1, "00" * 33),
        HeadNote(0, 1, "00" * 32),
        HeadNote(2**31, 1, "00" * 32),
        HeadNote(1, -1, "00" * 32),
        HeadNote(1, 2**63, "00" * 32),
        HeadNote(1, 10**30, "00" * 32),
    ],
)
def test_a_head_that_no_store_can_hold_is_none(note: HeadNote) -> None:
    with pytest.raises(ValueError, match="head"):
        note.to_head()


@given(heads, st.integers(0, 2**62), st.sampled_from(["cloud", "archived"]))
def test_the_clouds_word_is_true(head: Head, at_ms: int, name: str) -> None:
    mark = sign_watermark(KEY, name, TERMINAL, head, at_ms)
    assert watermark_is_true(mark, PUBLIC)
    assert not watermark_is_true(mark, OTHER_KEY.public_key())


@pytest.mark.parametrize(
    "change",
    [
        {"name": "archived"},
        {"terminal": "01980000-0000-7000-8000-00000000000b"},
        {"head": HeadNote(1, 6, "00" * 32)},
        {"head": HeadNote(2, 5, "00" * 32)},
        {"head": HeadNote(1, 5, "01" * 32)},
        {"at_ms": 10},
        {"signature": ""},
        {"signature": "zz"},
        {"signature": "00" * 64},
    ],
)
def test_an_altered_word_is_not_the_clouds(change: dict[str, object]) -> None:
    mark = sign_watermark(KEY, "cloud", TERMINAL, Head(1, 5, bytes(32)), 9)
    assert not watermark_is_true(msgspec.structs.replace(mark, **change), PUBLIC)
