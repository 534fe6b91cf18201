"""Requests signed by a device: who, when, once, and exactly these bytes.

The header is `v1 ` and, as base64url without padding: device (16 B) | time_ms (6 B) | nonce (12 B)
| Ed25519 signature (64 B). It is on the line with each live sale, so it has no words.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import uuid
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.ed25519 import is_signed
from sentra.protocol.errors import ClockSkewed, SignatureWrong

HEADER = "Sentra-Signature"

WINDOW_MS = 5 * 60 * 1000
"""How far a request's time may be from the server's. Nonces are remembered for twice as long."""

NONCE_BYTES = 12
_TIME_BYTES = 6
_TIME_MS_MAX = 256**_TIME_BYTES - 1
"""In the year 10889."""

_LAYOUT = struct.Struct(f">16s{_TIME_BYTES}s{NONCE_BYTES}s64s")
_VERSION = "v1 "
_LENGTH = len(_VERSION) + -(-_LAYOUT.size * 4 // 3)
_TAG = b"sentra/request/1\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """The parsed header; `nonce` as base64url."""

    device: str
    time_ms: int
    nonce: str
    signature: bytes


def _signed_bytes(
    method: str, target: str, body: bytes, device: str, time_ms: int, nonce: str
) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return _TAG + f"{method}\n{target}\n{digest}\n{device}\n{time_ms}\n{nonce}".encode()


def sign(
    key: Ed25519PrivateKey,
    device: str,
    method: str,
    target: str,
    body: bytes,
    time_ms: int,
    nonce: bytes,
) -> str:
    """The header's value. `target` is path and query as sent; `nonce` NONCE_BYTES random bytes.

    A clock outside what the header holds is told as its end: the answer says the server's time.
    Raises ValueError where the device's id is none.
    """
    time_ms = min(max(time_ms, 0), _TIME_MS_MAX)
    text = base64.urlsafe_b64encode(nonce).decode()
    signature = key.sign(_signed_bytes(method, target, body, device, time_ms, text))
    packed = _LAYOUT.pack(
        uuid.UUID(device).bytes, time_ms.to_bytes(_TIME_BYTES, "big"), nonce, signature
    )
    return _VERSION + _text_of(packed)


def _text_of(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def parse(header: str | None) -> Signature:
    """The header's parts, not yet verified. Raises SignatureWrong where it is missing or odd."""
    if header is None or len(header) != _LENGTH or not header.startswith(_VERSION):
        raise SignatureWrong("the request is not signed")
    encoded = header.removeprefix(_VERSION)
    padding = "=" * (-len(encoded) % 4)
    try:
        packed = base64.b64decode(encoded + padding, altchars=b"-_", validate=True)
        device, time, nonce, signature = _LAYOUT.unpack(packed)
    except (binascii.Error, ValueError, struct.error) as error:
        raise SignatureWrong("the request's signature is unreadable") from error
    if _text_of(packed) != encoded:
        raise SignatureWrong("the request's signature is written in another way")
    return Signature(
        str(uuid.UUID(bytes=device)),
        int.from_bytes(time, "big"),
        base64.urlsafe_b64encode(nonce).decode(),
        signature,
    )


def verify(
    signature: Signature,
    public_key: Ed25519PublicKey,
    method: str,
    target: str,
    body: bytes,
    now_ms: int,
) -> None:
    """Raises SignatureWrong, or ClockSkewed for a true signature outside the window."""
    signed = _signed_bytes(
        method, target, body, signature.device, signature.time_ms, signature.nonce
    )
    if not is_signed(signed, signature.signature, public_key):
        raise SignatureWrong("the request's signature does not match")
    if abs(now_ms - signature.time_ms) > WINDOW_MS:
        raise ClockSkewed("the request's time is too far from the server's")
