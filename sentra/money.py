"""Money as integers: parsing, printing and dividing without ever losing a unit.

An amount is an `int` of the currency's minor units (sen are not in use, so IDR 4.500 is 4500;
GBP 12.50 is 1250). A quantity is an `int` of thousandths, because weighed goods need grams.
No float is made or taken anywhere in here; the tests hold that sums are exact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentra.failures import Failure

AMOUNT_MAX: Final = 10**15
"""Largest amount in minor units, either sign. It stays exact in JSON readers that use doubles
(2**53) and leaves room for nine thousand such amounts in a 64-bit sum."""

QUANTITY_MILLI_MAX: Final = 10**9
"""Largest quantity in thousandths: a million pieces or a thousand tonnes on one line."""

TEXT_LENGTH_MAX: Final = 64
"""Longest text that is tried as a number; longer ones are surely something else."""


class MoneyError(Failure):
    """The family: text or numbers that cannot be an amount, a quantity or a division of one."""

    code = "money"


class CurrencyUnknown(MoneyError):
    """A code that is not in the table."""

    code = "money-currency-unknown"
    sentence = (
        "The currency “%(currency)s” is not known. Use the three letters of ISO 4217, IDR or GBP "
        "for example."
    )


class NotANumber(MoneyError):
    """Text that is no number at all."""

    code = "money-not-a-number"
    sentence = (
        "“%(text)s” is not a number. Write digits with a point before the decimals, 12.50 for "
        "example."
    )


class AmountUnclear(MoneyError):
    """Text that can be read as more than one amount."""

    code = "money-unclear"
    sentence = (
        "“%(text)s” can be read as more than one amount. Write the thousands without a sign "
        "between them."
    )


class TooFine(MoneyError):
    """More decimals than the currency, or a quantity, has."""

    code = "money-too-fine"
    sentence = "“%(text)s” has too many decimals: %(decimals)s is the most that can be used here."


class TooLarge(MoneyError):
    """Beyond `AMOUNT_MAX` or `QUANTITY_MILLI_MAX`."""

    code = "money-too-large"
    sentence = "“%(text)s” is too large."


class Indivisible(MoneyError):
    """A division that has no answer: by zero, or over nothing. A fault of the caller."""

    code = "money-indivisible"
    sentence = "The amount %(amount)s cannot be divided over %(parts)s."


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency by its ISO 4217 code and the number of decimals in use (its exponent)."""

    code: str
    exponent: int

    @property
    def minor_per_major(self) -> int:
        """Minor units in one major unit: 1 for IDR, 100 for GBP."""
        return int(10**self.exponent)

    @property
    def symbol(self) -> str:
        """The sign that people write before amounts; the code where there is none."""
        return _SYMBOLS.get(self.code, self.code)


# ISO 4217 gives IDR two decimals; none is in use, no coin or note below Rp 50 circulates, and tax
# invoices are in whole rupiah. The other exponents are those of the standard.
_EXPONENTS: Final = {
    "IDR": 0,
    "AED": 2, "AUD": 2, "BDT": 2, "BHD": 3, "BND": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0,
    "CNY": 2, "CZK": 2, "DKK": 2, "EGP": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "ILS": 2,
    "INR": 2, "JOD": 3, "JPY": 0, "KES": 2, "KHR": 2, "KRW": 0, "KWD": 3, "LAK": 2, "LKR": 2,
    "MMK": 2, "MXN": 2, "MYR": 2, "NGN": 2, "NOK": 2, "NPR": 2, "NZD": 2, "OMR": 3, "PGK": 2,
    "PHP": 2, "PKR": 2, "PLN": 2, "QAR": 2, "RON": 2, "SAR": 2, "SEK": 2, "SGD": 2, "THB": 2,
    "TND": 3, "TRY": 2, "TWD": 2, "UAH": 2, "USD": 2, "VND": 0, "ZAR": 2,
}  # fmt: skip

_SYMBOLS: Final = {
    "IDR": "Rp", "AUD": "A$", "BND": "B$", "CAD": "C$", "CNY": "CN¥", "EUR": "€", "GBP": "£",
    "HKD": "HK$", "INR": "₹", "JPY": "¥", "KRW": "₩", "MYR": "RM", "NZD": "NZ$", "PHP": "₱",
    "SGD": "S$", "THB": "฿", "TWD": "NT$", "USD": "$", "VND": "₫",
}  # fmt: skip

CURRENCIES: Final = {code: Currency(code, exponent) for code, exponent in _EXPONENTS.items()}

IDR: Final = CURRENCIES["IDR"]


def currency(code: str) -> Currency:
    """Return the currency of an ISO 4217 code, in any case.

    Raises:
        CurrencyUnknown: the code is not in the table.
    """
    found = CURRENCIES.get(code.strip().upper())
    if found is None:
        raise CurrencyUnknown(currency=_shown(code))
    return found


# --- Parsing ------------------------------------------------------------------------------------

_PLAIN_NUMBER: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")


def parse_amount(text: str, currency: Currency) -> int:
    """Read a plain decimal, `12.50` or `4500` or `4500.00`, as minor units.

    The point is always the decimal sign and nothing groups the digits: this is the form that
    files and forms of ours use. Decimals beyond the currency's own must be zero.

    Raises:
        NotANumber, TooFine, TooLarge: as they say.
    """
    sign, whole, fraction = _plain_parts(text)
    return _in_minor_units(text, currency, sign, whole, fraction)


def parse_quantity(text: str) -> int:
    """Read a quantity, `3` or `0.125` or `0,125`, as thousandths; negative means a return.

    Comma and point are both the decimal sign, because scales and cashiers write either and
    nobody groups the digits of a quantity.

    Raises:
        NotANumber, TooFine, TooLarge: as they say.
    """
    sign, whole, fraction = _plain_parts(text.replace(",", ".", 1))
    if fraction[3:].strip("0"):
        raise TooFine(text=_shown(text), decimals=3)
    milli = int(whole) * 1000 + int(fraction[:3].ljust(3, "0"))
    if milli > QUANTITY_MILLI_MAX:
        raise TooLarge(text=_shown(text))
    return -milli if sign == "-" else milli


def _plain_parts(text: str) -> tuple[str, str, str]:
    """Split a plain number into its sign, whole digits and fraction digits."""
    stripped = text.strip()
    match = _PLAIN_NUMBER.fullmatch(stripped) if len(stripped) <= TEXT_LENGTH_MAX else None
    if match is None:
        raise NotANumber(text=_shown(text))
    return match[1], match[2], match[3] or ""


def _in_minor_units(text: str, currency: Currency, sign: str, whole: str, fraction: str) -> int:
    exponent = currency.exponent
    if fraction[exponent:].strip("0"):
        raise TooFine(text=_shown(text), decimals=exponent)
    minor = int(whole + fraction[:exponent].ljust(exponent, "0"))
    if minor > AMOUNT_MAX:
        raise TooLarge(text=_shown(text))
    return -minor if sign == "-" else minor


_GROUP_BLANK: Final = re.compile(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
_BLANKS: Final = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")
_LOOSE_MARKS: Final = re.compile(r"^(?:[A-Za-z]{1,3}\.?|[A-Z]{0,2}\$|[€£¥₹₩₱฿₫])")
_LOOSE_TAIL: Final = re.compile(r"(?:,-+|\.-+|[€£¥₹₩₱฿₫]|(?<=[0-9])(?:[A-Z]{3}|Rp\.?))$")
_GROUPED: Final = re.compile(r"[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")


def parse_amount_loosely(text: str, currency: Currency) -> int:
    """Read an amount as old systems and people write it: `Rp 12.000`, `1.234.500,50`, `1,234.50`.

    Takes a currency mark before or after, blanks and apostrophes between groups, `,-` at the
    end, a minus before or after, and brackets for a negative. Where one separator stands alone
    before three digits, it groups them if the currency has no decimals (`12.000` is twelve
    thousand rupiah); in a currency with decimals a comma groups and a point is refused as
    unclear (`12.500` may be 12,500 or 12.50 pounds).

    Raises:
        AmountUnclear, NotANumber, TooFine, TooLarge: as they say.
    """
    bare, negative = _without_marks(text)
    whole, fraction = _split_loose(bare, text, currency)
    return _in_minor_units(text, currency, "-" if negative else "", whole, fraction)


def _without_marks(text: str) -> tuple[str, bool]:
    """Strip blanks, currency marks and signs; return the digits with separators and the sign."""
    bare = _GROUP_BLANK.sub("", text[: TEXT_LENGTH_MAX + 1])
    bare = _BLANKS.sub("", bare).replace("\u2212", "-")
    negative = bare.startswith("(") and bare.endswith(")")
    if negative:
        bare = bare[1:-1]
    for _sign_may_be_on_either_side_of_the_mark in range(2):
        if bare.startswith("-") and not negative:
            bare, negative = bare[1:], True
        bare = _LOOSE_MARKS.sub("", bare, count=1)
    bare = _LOOSE_TAIL.sub("", bare, count=1)
    if bare.endswith("-") and not negative:
        bare, negative = bare[:-1], True
    if len(text) > TEXT_LENGTH_MAX or not re.fullmatch(r"[0-9][0-9.,]*", bare):
        raise NotANumber(text=_shown(text))
    return bare, negative


def _split_loose(bare: str, text: str, currency: Currency) -> tuple[str, str]:
    """Decide which separator is the decimal sign; return the whole and the fraction digits."""
    decimal_sign = max(bare.rfind("."), bare.rfind(","))
    if decimal_sign < 0:
        return bare, ""
    separators = {sign for sign in ".," if sign in bare}
    head, tail = bare[:decimal_sign], bare[decimal_sign + 1 :]
    if len(separators) == 1:
        sign = bare[decimal_sign]
        grouped = _GROUPED.fullmatch(bare) is not None
        if grouped and (bare.count(sign) > 1 or currency.exponent == 0 or sign == ","):
            return bare.replace(sign, ""), ""
        if head.isdigit() and tail.isdigit() and not grouped:
            return head, tail
    elif tail.isdigit() and _GROUPED.fullmatch(head) and bare[decimal_sign] not in head:
        return re.sub("[.,]", "", head), tail
    raise AmountUnclear(text=_shown(text))


def _shown(text: str) -> str:
    """The text as an error may repeat it: short, whatever was given."""
    return text if len(text) <= TEXT_LENGTH_MAX else text[:TEXT_LENGTH_MAX] + "…"


# --- Printing for machines ----------------------------------------------------------------------


def to_decimal_string(amount: int, currency: Currency) -> str:
    """Return a plain decimal that `parse_amount` reads back: `-12.50`, `4500`."""
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount))
    if currency.exponent == 0:
        return sign + digits
    digits = digits.rjust(currency.exponent + 1, "0")
    return f"{sign}{digits[: -currency.exponent]}.{digits[-currency.exponent :]}"


def quantity_to_decimal_string(quantity_milli: int) -> str:
    """Return a quantity without needless zeros: `3`, `0.125`, `-1.5`."""
    whole, milli = divmod(abs(quantity_milli), 1000)
    fraction = f".{milli:03d}".rstrip("0").rstrip(".") if milli else ""
    return f"{'-' if quantity_milli < 0 else ''}{whole}{fraction}"


# --- Arithmetic ---------------------------------------------------------------------------------


def divide_half_away(numerator: int, denominator: int) -> int:
    """Divide and round to the nearest integer, halves away from zero (2.5 → 3, -2.5 → -3).

    Symmetric around zero, so that a return undoes a sale to the minor unit.
    """
    if denominator <= 0:
        raise Indivisible(amount=numerator, parts=denominator)
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -rounded if numerator < 0 else rounded


def multiply(unit_price: int, quantity_milli: int) -> int:
    """Return unit price × quantity in minor units, halves away from zero."""
    return divide_half_away(unit_price * quantity_milli, 1000)


def allocate(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide an amount over weights so that the shares add up to it exactly.

    Largest remainder: each share is its exact part rounded toward zero, and the units left over
    go one each to the largest remainders, the earlier first among equals. A weight of zero gets
    nothing. `allocate(-a, w)` is the mirror image of `allocate(a, w)`.

    Raises:
        Indivisible: a weight is negative, or an amount other than zero meets only zero weights.
    """
    if any(weight < 0 for weight in weights):
        raise Indivisible(amount=amount, parts=tuple(weights))
    total = sum(weights)
    if total == 0:
        if amount != 0:
            raise Indivisible(amount=amount, parts=tuple(weights))
        return (0,) * len(weights)
    size = abs(amount)
    shares = [size * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % total), i))
    for i in by_remainder[: size - sum(shares)]:
        shares[i] += 1
    return tuple(-share for share in shares) if amount < 0 else tuple(shares)
