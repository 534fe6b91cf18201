"""What a cell of an old system may hold, and what is made of it. No file, no database here."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from sentra.money import Currency, TooFine, divide_half_away, parse_amount_loosely

_SCRAMBLES_MAX: Final = 3
"""How many times a text may have gone through the wrong code page."""

_EXTRA_DECIMALS: Final = 4
"""Decimals beyond the currency's own that rounding looks at."""

_PLAIN_DIGITS_MAX: Final = 11
"""Plain digits up to this length are surely no amount beyond the largest; most prices are that."""

_JOINERS: Final = "\u200c\u200d"
"""Invisible, but letters of some scripts and emoji are made with them."""

_CODE: Final = re.compile(r"[A-Za-z]{0,3}[-_.]?[0-9]{1,6}")
_GTIN_LENGTHS: Final = (8, 12, 13, 14)
_SCIENTIFIC: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")

_APOSTROPHES: Final = "'`´‘’ "

_UNITS: Final = {
    "Pcs": "pc pcs pce pces pice piece pieces",
    "Btl": "btl botol bottle",
    "Pck": "pck pak pack",
    "Box": "box bx",
    "Kg": "kg kgs kilo kilogram",
    "g": "g gr gram grm",
    "L": "l lt ltr liter litre",
    "ml": "ml",
    "Lsn": "lsn lusin dozen dz",
    "Klg": "klg kaleng can",
    "Sct": "sct sachet saset",
    "Rtg": "rtg renteng",
    "Dus": "dus doos",
    "Bks": "bks bungkus",
}
_UNIT_OF: Final = {word: unit for unit, words in _UNITS.items() for word in words.split()}

WEIGHED_UNITS: Final = frozenset({"Kg", "g"})
"""Products in these are put on a scale."""


def tidy(text: str) -> str:
    """One line without what cannot be seen, in the usual composition of letters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = "".join(" " if char.isspace() else char for char in text if _is_visible(char))
    return " ".join(unicodedata.normalize("NFC", seen).split())


def _is_visible(char: str) -> bool:
    if char.isascii():
        return char.isprintable() or char.isspace()
    return char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Cn", "Co")


def unscrambled(text: str) -> str:
    """A text as it was before it went through the wrong code page or into a page of HTML:
    `CrÃ¨me` and `Cr&egrave;me` are both `Crème`."""
    text = html.unescape(text) if "&" in text else text
    for _ in range(_SCRAMBLES_MAX):
        if text.isascii():
            break
        try:
            text = b"".join(_byte(char) for char in text).decode()
        except UnicodeError:
            break
    return text


def _byte(char: str) -> bytes:
    return char.encode("latin-1" if ord(char) < 0x100 else "cp1252")


def has_hidden(text: str) -> bool:
    """Whether there are characters that a person cannot see, apart from blanks at the ends."""
    if text.isascii() and text.isprintable():
        return False
    return any(not _is_visible(char) or char in "\t\r\n\v\f" for char in text.strip())


def unit_of(text: str) -> str:
    """The unit as this catalogue writes it: `PCS`, `pc` and `Pce` are all `Pcs`."""
    known = _UNIT_OF.get(text.strip(". ").lower())
    if known is not None:
        return known
    return text if not text.islower() and not text.isupper() else text.capitalize()


def is_code(category: str) -> bool:
    """Whether a category looks like a key of the old system (`J001`) instead of a name."""
    return _CODE.fullmatch(category) is not None


def barcodes_of(text: str) -> tuple[str, ...]:
    """The barcodes of a cell, each once; some systems put several there, with signs between.

    The apostrophe that makes a spreadsheet keep leading zeros is no part of a barcode, nor is
    what an export to HTML made of it.
    """
    plain = html.unescape(text) if "&" in text else text
    parts = (part.strip(_APOSTROPHES) for part in re.split(r"[;|,]", plain))
    return tuple(dict.fromkeys(part for part in parts if part))


def is_rounded(barcode: str) -> bool:
    """Whether a spreadsheet wrote it as a power of ten: `8.99100E+12`."""
    return _SCIENTIFIC.fullmatch(barcode) is not None


def has_wrong_check_digit(barcode: str) -> bool:
    """Whether it is as long as a GTIN (EAN-8, UPC-A, EAN-13, ITF-14) and its last digit is wrong.

    GS1 General Specifications, section 7.9: weights 3 and 1 from the right.
    """
    if len(barcode) not in _GTIN_LENGTHS or not (barcode.isascii() and barcode.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(barcode)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 != 0


def amount_of(text: str, currency: Currency) -> tuple[int, bool]:
    """(minor units, whether it had to be rounded), halves away from zero.

    Raises:
        NotANumber, AmountUnclear, TooLarge: as `sentra.money` says.
    """
    if len(text) <= _PLAIN_DIGITS_MAX and text.isascii() and text.isdigit():
        return int(text) * currency.minor_per_major, False
    try:
        return parse_amount_loosely(text, currency), False
    except TooFine:
        decimals = currency.exponent + _EXTRA_DECIMALS
        short = re.sub(rf"([.,][0-9]{{{decimals}}})[0-9]+(?![0-9.,])", r"\1", text)
        fine = parse_amount_loosely(short, Currency(currency.code, decimals))
        return divide_half_away(fine, int(10**_EXTRA_DECIMALS)), True
