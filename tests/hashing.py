"""Cheap hashes for the tests: argon2 is slow on purpose, and hundreds of tests sign somebody in.

What the programs' own hashes cost is held by `tests/unit/test_pins.py`, on `REAL_HASHERS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest
from argon2 import PasswordHasher

from sentra import pins
from sentra.cloud import people

REAL_HASHERS: Final[dict[ModuleType, PasswordHasher]] = {
    module: module._hasher for module in (pins, people)
}
_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """New PINs and passwords are hashed in microseconds; a check costs what its hash says."""
    with pytest.MonkeyPatch.context() as patch:
        for module in REAL_HASHERS:
            patch.setattr(module, "_hasher", _CHEAP)
        yield
