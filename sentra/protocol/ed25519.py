"""Checks signatures of Ed25519 (RFC 8032).

By libsodium, which takes half the time of OpenSSL and lets other threads run meanwhile: after an
outage a router brings thousands of sales that were sealed one by one, each with its signature.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

SIGNATURE_BYTES: Final = 64


def is_signed(message: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether this key signed these very bytes."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key.public_bytes_raw())
    except BadSignatureError:
        return False
    return True
