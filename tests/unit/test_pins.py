"""What guessing costs: PINs and passwords are hashed as OWASP's cheat sheet asks, or harder."""

from __future__ import annotations

from argon2 import PasswordHasher, Type

from sentra import pins
from sentra.cloud import people
from tests.hashing import REAL_HASHERS

KIBIBYTES_MIN = 19 * 1024
"""With two passes and one lane: the least that OWASP's Password Storage Cheat Sheet names."""


def test_a_pins_hash_costs_what_a_till_can_bear_and_no_less_than_is_advised() -> None:
    hasher = REAL_HASHERS[pins]
    assert hasher.type is Type.ID
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (KIBIBYTES_MIN, 2, 1)


def test_a_passwords_hash_costs_more_than_a_pins_and_as_much_for_an_unknown_name() -> None:
    hasher = REAL_HASHERS[people]
    assert hasher.type is Type.ID
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (64 * 1024, 3, 1)
    assert PasswordHasher.check_needs_rehash(hasher, people._NOBODY) is False


def test_the_real_hashes_check_what_they_made() -> None:
    for hasher in REAL_HASHERS.values():
        assert hasher.verify(hasher.hash("402917"), "402917")
