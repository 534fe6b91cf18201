"""The courier's file: whole, true and readable by its readers alone, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from sentra.protocol import courier
from sentra.protocol.courier import (
    CHUNK_BYTES,
    CONTENTS_BYTES_MAX,
    HEADER_BYTES_MAX,
    RANDOM_BYTES,
    CourierCutOff,
    CourierDamaged,
    CourierHeader,
    CourierNewer,
    CourierNotForUs,
    JournalRange,
    check_signature,
    contents_bytes,
    examine,
    file_bytes,
    open_envelopes,
    read_header,
    seal,
)
from sentra.protocol.errors import ProtocolError, SignatureWrong
from sentra.protocol.recipients import agreement_key, own_agreement_key
from tests.support.journals import START_MS, an_id

TILL = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
CLOUD = Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))
ROUTER = Ed25519PrivateKey.from_private_bytes(bytes([3] * 32))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([4] * 32))
READERS = (CLOUD.public_key(), ROUTER.public_key())


def a_header(envelopes: Sequence[bytes], **changes: object) -> CourierHeader:
    made = CourierHeader(
        version=1,
        company_id=an_id(1),
        branch_id=an_id(2),
        device_id=an_id(3),
        role="terminal",
        name="SGT 1",
        packed_at_ms=START_MS,
        part=1,
        journals=(JournalRange(an_id(3), (1, 0), (1, 7)),),
        size_bytes=contents_bytes(len(one) for one in envelopes),
    )
    return msgspec.structs.replace(made, **changes)


def sealed(envelopes: Sequence[bytes], **changes: object) -> bytes:
    header, random = a_header(envelopes, **changes), bytes(range(RANDOM_BYTES))
    return b"".join(seal(header, envelopes, READERS, TILL, random))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes, own: Ed25519PrivateKey = CLOUD, size: int = 50_000) -> list[bytes]:
    check_signature(examine(cut(data, size)), TILL.public_key())
    return list(open_envelopes(cut(data, size), own))


@settings(max_examples=40)
@given(
    envelopes=st.lists(st.binary(max_size=200), max_size=6),
    size=st.integers(min_value=1, max_value=300),
)
def test_what_was_packed_comes_out_however_the_file_is_cut(
    envelopes: list[bytes], size: int
) -> None:
    data = sealed(envelopes)
    assert read(data, CLOUD, size) == envelopes
    assert read(data, ROUTER, size) == envelopes


@pytest.mark.parametrize("around", [-5, -4, -3, 0, 1])
@pytest.mark.parametrize("chunks", [1, 2])
def test_contents_that_end_near_the_edge_of_a_chunk_are_whole(chunks: int, around: int) -> None:
    envelopes = [b"x" * (chunks * CHUNK_BYTES + around)]
    data = sealed(envelopes)
    assert read(data) == envelopes
    header_bytes = int.from_bytes(data[4:8], "big")
    assert len(data) == file_bytes(header_bytes, read_header([data]).size_bytes)


def test_who_is_no_reader_cannot_open_it() -> None:
    with pytest.raises(CourierNotForUs):
        read(sealed([b"secret"]), STRANGER)


def test_nothing_of_the_contents_is_in_the_file_in_the_clear() -> None:
    secret = b"a sale of forty thousand"
    assert secret not in sealed([secret])


def test_a_file_of_another_device_is_refused() -> None:
    with pytest.raises(SignatureWrong):
        check_signature(examine([sealed([b"x"])]), STRANGER.public_key())


@settings(max_examples=60)
@given(place=st.floats(min_value=0, max_value=1, exclude_max=True), flip=st.integers(1, 255))
def test_any_altered_byte_is_found(place: float, flip: int) -> None:
    data = bytearray(sealed([b"one", b"two" * 100]))
    data[int(place * len(data))] ^= flip
    with pytest.raises(ProtocolError):
        read(bytes(data))


@settings(max_examples=40)
@given(place=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_any_cut_is_found(place: float) -> None:
    data = sealed([b"one", b"two" * 100])
    with pytest.raises((CourierCutOff, CourierDamaged)):
        examine([data[: int(place * len(data))]])


def test_chunks_cannot_be_cut_off_or_exchanged_even_by_who_may_sign() -> None:
    """A device that signs the altered file anew does not get past the contents' own tags."""
    data = sealed([b"a" * CHUNK_BYTES, b"b" * CHUNK_BYTES])
    start = 8 + int.from_bytes(data[4:8], "big")
    step = CHUNK_BYTES + 16
    first, second = data[start : start + step], data[start + step : start + 2 * step]
    swapped = data[:start] + second + first + data[start + 2 * step :]
    with pytest.raises(CourierDamaged):
        list(open_envelopes([swapped], CLOUD))


def test_a_chunk_knows_whether_it_is_the_last() -> None:
    """Also where nothing else would tell: whole chunks are there, and the later ones are gone."""
    key = ChaCha20Poly1305(bytes(32))
    first = key.encrypt(courier._nonce(0, last=False), b"a" * CHUNK_BYTES, None)
    with pytest.raises(CourierDamaged):
        list(courier._decrypted(courier._Source([first]), CHUNK_BYTES, key))


def test_a_header_fits_only_its_own_contents() -> None:
    one, other = sealed([b"one"]), sealed([b"one"], part=2)
    size = int.from_bytes(other[4:8], "big")
    mixed = other[: 8 + size] + one[8 + int.from_bytes(one[4:8], "big") :]
    with pytest.raises(CourierDamaged):
        list(open_envelopes([mixed], CLOUD))


def test_bytes_behind_the_end_are_refused() -> None:
    with pytest.raises(CourierDamaged):
        examine([sealed([b"x"]), b"more"])


@pytest.mark.parametrize(
    "data",
    [
        b"SNC1" + (HEADER_BYTES_MAX + 1).to_bytes(4, "big") + b"{" * 100,
        b"SNC1" + (2).to_bytes(4, "big") + b"{}",
        b"SNC1" + (200_000).to_bytes(4, "big") + b"[" * 200_000,
        b"PK\x03\x04" + bytes(200),
    ],
)
def test_what_is_no_courier_file_is_refused(data: bytes) -> None:
    with pytest.raises(CourierDamaged):
        examine([data])


def test_a_claim_of_gigabytes_is_refused_by_the_header_alone() -> None:
    data = sealed([b"x"]).replace(b'"size_bytes":5', b'"size_bytes":9')
    header = msgspec.json.decode(data[8 : 8 + int.from_bytes(data[4:8], "big")])
    header["size_bytes"] = CONTENTS_BYTES_MAX + 1
    written = msgspec.json.encode(header)
    with pytest.raises(CourierDamaged):
        examine([b"SNC1" + len(written).to_bytes(4, "big") + written])


def test_a_later_version_is_named_as_one() -> None:
    with pytest.raises(CourierNewer):
        read(sealed([b"x"], version=2))


def test_an_envelope_that_lies_about_its_length_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signed by a device that does not use our packer."""
    lie = (2**31).to_bytes(4, "big")
    monkeypatch.setattr(courier, "_chunks", lambda *_: iter([(lie, True)]))
    data = sealed([], size_bytes=len(lie))
    with pytest.raises(CourierDamaged, match="longer than allowed"):
        read(data)


def test_a_packer_that_says_another_length_than_it_packs_is_stopped() -> None:
    with pytest.raises(ValueError, match="not as long"):
        sealed([b"four"], size_bytes=5)


def test_a_signing_key_becomes_the_agreement_key_that_libsodium_makes_of_it() -> None:
    """The vector of libsodium's test `ed25519_convert`."""
    seed = "421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee"
    public = "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    assert agreement_key(key.public_key()).public_bytes_raw().hex() == public
    assert own_agreement_key(key).public_key().public_bytes_raw().hex() == public


@settings(max_examples=20)
@given(seed=st.binary(min_size=32, max_size=32))
def test_both_halves_of_an_agreement_key_belong_together(seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    own = own_agreement_key(key).public_key().public_bytes_raw()
    assert own == agreement_key(key.public_key()).public_bytes_raw()
