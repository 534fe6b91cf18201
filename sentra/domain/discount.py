"""Discounts: a percentage or an amount, on a line or on the whole cart.

Rounding steps, halves away from zero: a line's percentage is rounded on the line; the cart's
percentage is rounded once on the sum of the goods and then allocated to the lines by largest
remainder, so that the lines add up to what the customer was told.

A discount on the cart is for the goods sold: return lines keep what was paid for them. In a cart
of returns only it is mirrored, so that such a cart undoes the same sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentra.domain.errors import DomainError
from sentra.money import AMOUNT_MAX, allocate, divide_half_away

PERMYRIAD: Final = 10_000
"""The whole, in the hundredths of a percent that rates are kept in: 1250 is 12.5 %."""


class DiscountTooLarge(DomainError):
    """A discount of more than the goods cost."""

    code = "discount-too-large"
    sentence = "The discount is larger than what it is taken from."


class DiscountRefused(DomainError):
    """Neither, or both, of a percentage and an amount, or one outside its range."""

    code = "discount-refused"
    sentence = "A discount is either between 0.01 and 100 percent, or an amount above zero."


@dataclass(frozen=True, slots=True)
class Discount:
    """Either hundredths of a percent or minor units; the other is zero."""

    permyriad: int = 0
    amount: int = 0

    def __post_init__(self) -> None:
        one_of_both = (self.permyriad == 0) != (self.amount == 0)
        in_range = 0 <= self.permyriad <= PERMYRIAD and 0 <= self.amount <= AMOUNT_MAX
        if not (one_of_both and in_range):
            raise DiscountRefused()


def check_line_discount(discount: Discount, gross: int) -> None:
    """Refuse an amount larger than the line.

    Raises:
        DiscountTooLarge: it is.
    """
    if discount.amount > abs(gross):
        raise DiscountTooLarge()


def line_discount(discount: Discount | None, gross: int) -> int:
    """What a line's discount takes off, with the sign of the line, and never more than the line."""
    if discount is None:
        return 0
    if discount.permyriad:
        return divide_half_away(gross * discount.permyriad, PERMYRIAD)
    size = min(discount.amount, abs(gross))
    return -size if gross < 0 else size


def discountable(amounts: Sequence[int]) -> int:
    """The sum that a cart's discount is taken from: the goods sold, or the returns if there are
    no goods sold (then it is negative)."""
    sold = sum(amount for amount in amounts if amount > 0)
    return sold if sold else sum(amounts)


def cart_discount_shares(discount: Discount | None, amounts: Sequence[int]) -> tuple[int, ...]:
    """What a cart's discount takes off each line, given the lines' amounts after their own."""
    taken_from = discountable(amounts)
    if discount is None or taken_from == 0:
        return (0,) * len(amounts)
    whole = line_discount(discount, taken_from)
    sign = 1 if taken_from > 0 else -1
    return allocate(whole, [max(sign * amount, 0) for amount in amounts])
