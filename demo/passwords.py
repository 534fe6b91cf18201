"""Passwords and PINs for a demo: new ones each time, easy to type from the screen."""

from __future__ import annotations

import secrets

from sentra.domain.pin import check_pin
from sentra.failures import Failure

_SYLLABLES = [consonant + vowel for consonant in "bdklmns" for vowel in "aeio"]


def new_password() -> str:
    """Easy to type, hard to guess: about 40 bits."""
    words = "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(2)) for _ in range(3))
    return f"{words}-{secrets.randbelow(90) + 10}"


def new_pin() -> str:
    """Six digits that are not the first guess of anybody."""
    while True:
        pin = f"{secrets.randbelow(10**6):06}"
        try:
            return check_pin(pin)
        except Failure:
            continue
