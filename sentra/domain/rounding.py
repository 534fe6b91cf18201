"""Cash rounding: what coins cannot pay, as an amount of its own.

Only cash is rounded, and only the part of a total that is paid in cash. The rounding is a line on
the receipt and in the books; price and tax stay as they are. Source for Indonesia: Permendag
35/M-DAG/PER/7/2013 article 6: a price in fractions that do not circulate may be rounded to money
that does, and the customer is told at the time of payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sentra.domain.errors import DomainError
from sentra.events import Branch
from sentra.money import divide_half_away

DOWN: Final = "down"
UP: Final = "up"
NEAREST: Final = "nearest"
DIRECTIONS: Final = (DOWN, UP, NEAREST)

STEP_MAX: Final = 10_000
"""Largest step in minor units: more than any coin, and as much as a wrong setting may cost."""


class RoundingUnknown(DomainError):
    """A step or a direction that does not exist."""

    code = "rounding-unknown"
    sentence = "Cash cannot be rounded “%(direction)s” to steps of %(step)s."


@dataclass(frozen=True, slots=True)
class CashRounding:
    """A branch's rule: the step in minor units (1: no rounding), and down, up or nearest."""

    step: int = 1
    direction: str = NEAREST

    def __post_init__(self) -> None:
        if not 1 <= self.step <= STEP_MAX or self.direction not in DIRECTIONS:
            raise RoundingUnknown(step=self.step, direction=self.direction)


NO_ROUNDING: Final = CashRounding()


def rounding_of(branch: Branch) -> CashRounding:
    """The cash rounding that a branch has set.

    A setting that this version does not know rounds nothing: a newer back office must not stop an
    older till from taking cash.
    """
    try:
        return CashRounding(branch.cash_step, branch.cash_direction)
    except RoundingUnknown:
        return NO_ROUNDING


def cash_rounding(amount: int, rule: CashRounding) -> int:
    """What is added to an amount so that cash can pay it; between -(step - 1) and step - 1.

    The size of the amount is rounded, so money paid out mirrors money taken in: whoever paid
    4.500 in cash for 4.550 gets 4.500 back for all of it. Nearest takes halves away from zero.
    """
    size, step = abs(amount), rule.step
    if rule.direction == DOWN:
        rounded = size // step * step
    elif rule.direction == UP:
        rounded = -(-size // step) * step
    else:
        rounded = divide_half_away(size, step) * step
    return (rounded - size) if amount >= 0 else (size - rounded)
