"""Amounts, quantities and counts as people type them at a till."""

from __future__ import annotations

import re
from typing import Final

from flask import request

from sentra.domain.cart import ONE
from sentra.domain.discount import Discount, DiscountRefused
from sentra.money import NotANumber, currency, parse_amount_loosely, parse_quantity

_TIMES: Final = re.compile(r"\s*(-?[0-9]+(?:[.,][0-9]{1,3})?)\s*[*x×]\s*(.*)", re.DOTALL)
_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?\s*%?")


def text(name: str) -> str:
    """A form's text, stripped; empty where it is absent."""
    return request.form.get(name, "").strip()


def amount(name: str, code: str) -> int:
    """A form's amount in minor units of the currency. Raises MoneyError."""
    return parse_amount_loosely(text(name), currency(code))


def quantity(name: str) -> int:
    """A form's quantity in thousandths. Raises MoneyError."""
    return parse_quantity(text(name))


def whole(name: str) -> int:
    """A form's whole number; 0 where the field was left empty. Raises MoneyError."""
    said = text(name)
    if not said:
        return 0
    if not (said.isascii() and said.isdigit()) or len(said) > 9:
        raise NotANumber(text=said[:20])
    return int(said)


def times(said: str) -> tuple[int, str]:
    """`3*8992761002015` as (thousandths, the rest); one piece where no number is before it.

    Raises MoneyError for a quantity that cannot be.
    """
    match = _TIMES.fullmatch(said)
    if match is None:
        return ONE, said.strip()
    return parse_quantity(match[1]), match[2].strip()


def discount(code: str) -> Discount | None:
    """A form's discount, by `discount_kind` percent or amount; None where the field is empty.

    Raises:
        DiscountRefused, MoneyError: it cannot be read.
    """
    said = text("discount")
    if not said or not said.strip("0%.,"):
        return None
    if text("discount_kind") == "amount":
        return Discount(amount=amount("discount", code))
    match = _PERCENT.fullmatch(said)
    if match is None:
        raise DiscountRefused()
    return Discount(permyriad=int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")))
