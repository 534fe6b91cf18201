"""One bit of one byte turned, of whatever a database holds."""

from __future__ import annotations

import random
from typing import Any


def mutated(value: Any, dice: random.Random) -> Any:
    """The same with one bit of one byte turned; of a number another, of nothing something."""
    if value is None:
        return "x"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ (1 << dice.randrange(30))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    if not raw:
        return "x" if isinstance(value, str) else b"x"
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(7 if isinstance(value, str) else 8)
    return raw.decode(errors="replace") if isinstance(value, str) else bytes(raw)
