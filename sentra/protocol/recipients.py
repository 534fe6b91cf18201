"""Who may read a courier file: a key for it, wrapped for each reader's Ed25519 key.

A reader's X25519 key is its Ed25519 key seen as a point of the same curve (RFC 7748, section 4.1),
as in libsodium's `crypto_sign_ed25519_pk_to_curve25519` and in age. So whoever knows whose
signatures to trust can also write to them: no second key has to be made, backed up or brought to
a till that has had no network since it was updated, which is the very till that needs a courier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
"""Of every key here: ChaCha20, X25519, Ed25519's seed."""

RECIPIENTS_MAX: Final = 64
"""The company and the routers of one branch."""

NONCE_BYTES: Final = 12
_FIELD: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
_NAME_BYTES: Final = 8
_INFO: Final = b"sentra/courier/1 key"


class Wrapped(msgspec.Struct, frozen=True):
    """The file's key for one reader. `reader` names its key, both are hex."""

    reader: str
    key: str


def agreement_key(key: Ed25519PublicKey) -> X25519PublicKey:
    """The X25519 key of whoever signs with `key`: u = (1 + y) / (1 - y)."""
    y = int.from_bytes(key.public_bytes_raw(), "little") & ~_SIGN_BIT
    u = (1 + y) * pow(1 - y, _FIELD - 2, _FIELD) % _FIELD
    return X25519PublicKey.from_public_bytes(u.to_bytes(KEY_BYTES, "little"))


def own_agreement_key(key: Ed25519PrivateKey) -> X25519PrivateKey:
    """The private half: the very scalar that Ed25519 computes from its seed (RFC 8032, 5.1.5)."""
    digest = hashlib.sha512(key.private_bytes_raw()).digest()
    return X25519PrivateKey.from_private_bytes(digest[:KEY_BYTES])


def wrap(
    file_key: bytes, readers: Sequence[Ed25519PublicKey], ephemeral: X25519PrivateKey
) -> tuple[Wrapped, ...]:
    """The file's key for each reader. `ephemeral` must be used for this one file only."""
    return tuple(_wrap(file_key, agreement_key(reader), ephemeral) for reader in readers)


def unwrap(wrapped: Sequence[Wrapped], ephemeral: bytes, own: Ed25519PrivateKey) -> bytes | None:
    """The file's key, or None where it was not written for `own` or was altered."""
    private = own_agreement_key(own)
    public = private.public_key().public_bytes_raw()
    for one in wrapped:
        if one.reader != _name(public):
            continue
        try:
            shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            cipher = ChaCha20Poly1305(_wrapping_key(shared, ephemeral, public))
            return cipher.decrypt(bytes(NONCE_BYTES), bytes.fromhex(one.key), None)
        except (InvalidTag, ValueError):
            return None
    return None


def _wrap(file_key: bytes, reader: X25519PublicKey, ephemeral: X25519PrivateKey) -> Wrapped:
    public = reader.public_bytes_raw()
    sender = ephemeral.public_key().public_bytes_raw()
    # Each wrapping key is used once, so its nonce may be zero.
    cipher = ChaCha20Poly1305(_wrapping_key(ephemeral.exchange(reader), sender, public))
    return Wrapped(_name(public), cipher.encrypt(bytes(NONCE_BYTES), file_key, None).hex())


def _wrapping_key(shared: bytes, ephemeral: bytes, reader: bytes) -> bytes:
    return derive(shared, ephemeral + reader, _INFO)


def derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """A key of KEY_BYTES by HKDF-SHA256."""
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(secret)


def _name(public: bytes) -> str:
    """Names a reader's key without being it: enough to find one's own among a few."""
    return hashlib.sha256(public).hexdigest()[: 2 * _NAME_BYTES]
