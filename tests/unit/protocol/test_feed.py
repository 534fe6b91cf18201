"""The feed: what the cloud signed, in its scope, under its number, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sentra.protocol.errors import FeedDamaged
from sentra.protocol.feed import (
    ITEMS_MAX,
    FeedItem,
    SealedRevision,
    open_revision,
    pack_page,
    seal_revision,
    unpack_page,
)
from tests.unit.protocol.shapes import KEY, OTHER_KEY, PUBLIC, flipped

texts = st.text(max_size=20)
items = st.lists(
    st.builds(FeedItem, texts, texts, st.none() | st.binary(max_size=100)), min_size=1, max_size=8
)
SEALED = seal_revision("company", 7, [FeedItem("category", "c", b"{}")], KEY)


@given(items, texts, st.integers(1, 2**62))
def test_what_is_sealed_opens_to_the_same_items(
    made: list[FeedItem], scope: str, revision: int
) -> None:
    assert open_revision(seal_revision(scope, revision, made, KEY), PUBLIC) == made


@pytest.mark.parametrize(
    "altered",
    [
        replace(SEALED, scope="another"),
        replace(SEALED, revision=8),
        replace(SEALED, signature=bytes(64)),
        replace(SEALED, signature=b""),
        replace(SEALED, sealed=b""),
        seal_revision("company", 7, [FeedItem("category", "c", b"{}")], OTHER_KEY),
    ],
)
def test_what_the_cloud_did_not_sign_as_it_stands_is_damaged(altered: SealedRevision) -> None:
    with pytest.raises(FeedDamaged):
        open_revision(altered, PUBLIC)


@given(st.integers(0, len(SEALED.sealed) * 8 - 1))
def test_a_flipped_bit_is_damage(bit: int) -> None:
    with pytest.raises(FeedDamaged):
        open_revision(replace(SEALED, sealed=flipped(SEALED.sealed, bit)), PUBLIC)


def signed(payload: bytes) -> SealedRevision:
    """A payload that the cloud signed although it is none."""
    from sentra.protocol.feed import _signed_bytes

    return SealedRevision("s", 1, payload, KEY.sign(_signed_bytes("s", 1, payload)))


@pytest.mark.parametrize(
    "raw", [b"", b"\xc0", b"\x91\x93\xa1\xff\xa0\xc0", b"\x93", b"\x91\x91\xa0"]
)
def test_a_signed_payload_that_is_no_list_of_items_is_damaged(raw: bytes) -> None:
    with pytest.raises(FeedDamaged):
        open_revision(signed(zstandard.compress(raw)), PUBLIC)
    with pytest.raises(FeedDamaged):
        open_revision(signed(raw), PUBLIC)


def test_a_signed_bomb_is_damaged() -> None:
    with pytest.raises(FeedDamaged):
        open_revision(signed(zstandard.compress(bytes(32 * 1024 * 1024))), PUBLIC)


def test_a_revision_holds_one_to_its_most_items() -> None:
    one = FeedItem("category", "c", None)
    with pytest.raises(ValueError, match="1 to"):
        seal_revision("s", 1, [], KEY)
    with pytest.raises(ValueError, match="1 to"):
        seal_revision("s", 1, [one] * (ITEMS_MAX + 1), KEY)


@given(st.integers(0, 2**62), st.lists(st.tuples(st.integers(1, 2**62), st.binary(max_size=50))))
def test_a_page_comes_out_as_it_went_in(head: int, made: list[tuple[int, bytes]]) -> None:
    revisions = [SealedRevision("s", number, sealed, sealed[:4]) for number, sealed in made]
    assert unpack_page("s", pack_page(head, revisions)) == (head, revisions)


@given(st.binary(max_size=100))
def test_a_page_of_junk_is_damaged_or_a_page(junk: bytes) -> None:
    try:
        unpack_page("s", junk)
    except FeedDamaged:
        return


@pytest.mark.parametrize("body", [b"", b"\x92\x01", b"\x92\xa1\xff\x90", b"\x91" * 5000])
def test_a_broken_page_is_damaged(body: bytes) -> None:
    with pytest.raises(FeedDamaged):
        unpack_page("s", body)
