"""A cashier's PIN as a hash: made in the back office, checked at tills without the network.

Six digits fall to anybody who can try them all, whatever the hash; what protects them is the
pepper, which is never in the database beside the hash, and the till's lockout. argon2id at
19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet; about 30 ms on a till.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sentra.failures import Failure

PIN_DIGITS: Final = 6

_FORM: Final = re.compile(rf"[0-9]{{{PIN_DIGITS}}}", re.ASCII)
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class PinMalformed(Failure):
    """What was typed cannot be a PIN."""

    code = "pin-malformed"
    sentence = "A PIN is %(digits)s digits. Choose another one."


def hash_pin(pin: str, pepper: bytes, *, salt: bytes | None = None) -> str:
    """The hash for `Person.pin_hash`; `salt` only to replay. Raises `PinMalformed`."""
    if not _FORM.fullmatch(pin):
        raise PinMalformed(digits=PIN_DIGITS)
    return _hasher.hash(_peppered(pin, pepper), salt=salt)


def pin_matches(pin_hash: str, pin: str, pepper: bytes) -> bool:
    """Whether the PIN is the one that was hashed; False for a damaged hash too."""
    try:
        return _hasher.verify(pin_hash, _peppered(pin, pepper))
    except (VerificationError, InvalidHashError):
        return False


def _peppered(pin: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, pin.encode(), hashlib.sha256).digest()
