"""Requests signed by a device: who, when, once, and exactly these bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sentra.protocol.errors import ClockSkewed, SignatureWrong

HEADER = "Sentra-Signature"

WINDOW_MS = 5 * 60 * 1000
"""How far a request's time may be from the server's. Nonces are remembered for twice as long."""

NONCE_BYTES = 12
NONCE_LENGTH_MAX = 32
"""Characters that a server remembers of each request."""

_DIGITS = re.compile(r"[0-9]{1,15}")
"""Milliseconds until the year 33658."""

_TAG = b"sentra/request/1\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """The parsed header."""

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
    """The header's value. `target` is path and query as sent; `nonce` NONCE_BYTES random bytes."""
    text = base64.urlsafe_b64encode(nonce).decode()
    signature = key.sign(_signed_bytes(method, target, body, device, time_ms, text))
    return f"v1 {device} {time_ms} {text} {base64.urlsafe_b64encode(signature).decode()}"


def parse(header: str | None) -> Signature:
    """The header's parts, not yet verified. Raises SignatureWrong where it is missing or odd."""
    parts = (header or "").split(" ")
    if len(parts) != 5 or parts[0] != "v1" or len(parts[3]) > NONCE_LENGTH_MAX:
        raise SignatureWrong("the request is not signed")
    if not _DIGITS.fullmatch(parts[2]):
        raise SignatureWrong("the request's time is unreadable")
    try:
        signature = base64.urlsafe_b64decode(parts[4])
    except (binascii.Error, ValueError) as error:
        raise SignatureWrong("the request's signature is unreadable") from error
    return Signature(parts[1], int(parts[2]), parts[3], signature)


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
    try:
        public_key.verify(signature.signature, signed)
    except InvalidSignature as error:
        raise SignatureWrong("the request's signature does not match") from error
    if abs(now_ms - signature.time_ms) > WINDOW_MS:
        raise ClockSkewed("the request's time is too far from the server's")
