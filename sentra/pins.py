"""A cashier's PIN as a hash: made in the back office, checked at tills without the network.

Six digits fall to anybody who can try them all, whatever the hash; what protects them is the
pepper, which is never in the database beside the hash, and the till's lockout. argon2id at
19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet; about 30 ms on a till.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sentra.domain.pin import PIN_LENGTH, PinForm

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_pin(pin: str, pepper: bytes, *, salt: bytes | None = None) -> str:
    """The hash for `Person.pin_hash`; `salt` only to replay.

    Raises `PinForm` for what no till could type; what is too easy is for the back office to say
    (`sentra.domain.pin.check_pin`).
    """
    if len(pin) != PIN_LENGTH or not (pin.isascii() and pin.isdigit()):
        raise PinForm
    return _hasher.hash(_peppered(pin, pepper), salt=salt)


def pin_matches(pin_hash: str, pin: str, pepper: bytes) -> bool:
    """Whether the PIN is the one that was hashed; False for a damaged hash too."""
    try:
        return _hasher.verify(pin_hash, _peppered(pin, pepper))
    except (VerificationError, InvalidHashError):
        return False


def _peppered(pin: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, pin.encode(), hashlib.sha256).digest()
