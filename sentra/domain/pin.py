"""What a cashier's PIN must be: six digits that are not the first guess of anybody."""

from __future__ import annotations

from typing import Final

from sentra.domain.errors import DomainError

PIN_LENGTH: Final = 6
"""Digits. Four fall to one core in half an hour, whatever the hash."""

_UP: Final = "01234567890"
_DOWN: Final = "09876543210"
_FAVOURITES: Final = frozenset({"112233", "123123", "121212", "123321", "456456", "101010"})


class PinForm(DomainError):
    """Not six digits."""

    code = "pin-form"
    sentence = "A PIN is six digits."


class PinTooEasy(DomainError):
    """A PIN that is guessed first."""

    code = "pin-too-easy"
    sentence = "This PIN is too easy to guess. Avoid equal or running digits."


def check_pin(pin: str) -> str:
    """Return a PIN that may be set.

    Raises:
        PinForm, PinTooEasy: as they say.
    """
    if len(pin) != PIN_LENGTH or not (pin.isascii() and pin.isdigit()):
        raise PinForm()
    if len(set(pin)) == 1 or pin in _UP or pin in _DOWN or pin in _FAVOURITES:
        raise PinTooEasy()
    return pin
