"""Signatures: the vectors of RFC 8032, what OpenSSL signs, and nothing that was altered."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sentra.protocol.ed25519 import is_signed

_VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
        "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
        "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.mark.parametrize(("public", "message", "signature"), _VECTORS)
def test_the_vectors_of_the_standard_are_signed(public: str, message: str, signature: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    assert is_signed(bytes.fromhex(message), bytes.fromhex(signature), key)
    assert not is_signed(bytes.fromhex(message) + b"\0", bytes.fromhex(signature), key)


@given(message=st.binary(max_size=300), bit=st.integers(0, 511))
def test_what_was_signed_is_and_what_was_altered_is_not(message: bytes, bit: int) -> None:
    key, signature = _KEY.public_key(), _KEY.sign(message)
    assert is_signed(message, signature, key)
    altered = bytearray(signature)
    altered[bit // 8] ^= 1 << bit % 8
    assert not is_signed(message, bytes(altered), key)
    assert not is_signed(b"!" + message, signature, key)


def test_bytes_do_not_move_between_signature_and_message() -> None:
    message = b"a sale of 25,000"
    signature = _KEY.sign(message)
    assert not is_signed(message[1:], signature + message[:1], _KEY.public_key())
    assert not is_signed(signature[-1:] + message, signature[:-1], _KEY.public_key())
    assert not is_signed(message, b"", _KEY.public_key())


def test_another_key_signed_nothing() -> None:
    message = b"a sale of 25,000"
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    assert not is_signed(message, _KEY.sign(message), other)
