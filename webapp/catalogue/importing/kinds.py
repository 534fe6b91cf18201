"""What can be found in a row: each kind with its severity, its heading and its sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

Severity = Literal["refused", "note"]

AMOUNTS: Final = frozenset({"amount", "cost", "price"})
"""Which values of findings are minor units, so that screens write them as money."""


def N_(text: str) -> str:  # noqa: N802 - the mark's usual name, which the extraction looks for
    """Mark a text for translation where it stands; it is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Kind:
    """`title` heads a group of findings, `sentence` says one with its `%(name)s` filled in."""

    severity: Severity
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one row. `line` counts from 1 with the header; `values` fill the sentence."""

    line: int
    column: str
    value: str
    kind: str
    values: dict[str, Any]

    @property
    def is_refused(self) -> bool:
        """Whether the row was left out because of it."""
        return KINDS[self.kind].severity == "refused"

    def told(self, gettext: Callable[[str], str], write_amount: Callable[[int], str]) -> str:
        """The finding's sentence, its amounts written by `write_amount`."""
        values = {
            name: write_amount(value) if name in AMOUNTS else value
            for name, value in self.values.items()
        }
        return gettext(KINDS[self.kind].sentence) % values


def _refused(title: str, sentence: str) -> Kind:
    return Kind("refused", title, sentence)


def _note(title: str, sentence: str) -> Kind:
    return Kind("note", title, sentence)


KINDS: Final[dict[str, Kind]] = {
    "fields-wrong": _refused(
        N_("Lines with too many or too few fields"),
        N_("The line has %(found)s fields where the header has %(expected)s."),
    ),
    "quote-open": _refused(
        N_("Quotation marks that are never closed"),
        N_("A quotation mark is opened and not closed."),
    ),
    "name-missing": _refused(
        N_("Products without a name"),
        N_("A product needs a name: cashiers and receipts show it."),
    ),
    "price-missing": _refused(
        N_("Products without a price"),
        N_("A product needs a selling price. Write 0 if it is given away."),
    ),
    "price-unreadable": _refused(
        N_("Prices that are no number"),
        N_("This is no price. Write digits, 12500 for example."),
    ),
    "price-unclear": _refused(
        N_("Prices that can be read in two ways"),
        N_("This can be read as more than one amount. Write the thousands without a sign."),
    ),
    "price-negative": _refused(
        N_("Prices below zero"), N_("A selling price cannot be below zero.")
    ),
    "price-too-large": _refused(
        N_("Prices that are too large"), N_("This is more than any price can be.")
    ),
    "code-repeated": _refused(
        N_("Codes that stand twice in the file"),
        N_("Line %(first)s has this code already, and was taken. Give this product its own."),
    ),
    "code-too-long": _refused(
        N_("Codes that are too long"), N_("A code has at most %(most)s characters.")
    ),
    "below-cost": _note(
        N_("Products that sell below cost"),
        N_("It costs %(cost)s and sells for %(price)s."),
    ),
    "price-zero": _note(
        N_("Products without a price of their own"),
        N_("The price is zero: tills sell it for nothing."),
    ),
    "price-rounded": _note(
        N_("Prices that were rounded"),
        N_("The currency has no such small unit; the price became %(amount)s."),
    ),
    "cost-rounded": _note(
        N_("Costs that were rounded"),
        N_("The currency has no such small unit; the cost became %(amount)s."),
    ),
    "cost-unreadable": _note(
        N_("Costs that are no amount"), N_("This is no cost; the product was taken without one.")
    ),
    "discount-left-out": _note(
        N_("Discounts that were not taken"),
        N_("Discounts of the old system are not taken: the product sells at its full price."),
    ),
    "category-missing": _note(
        N_("Products without a category"),
        N_("It has no category, so tills find it by searching and scanning only."),
    ),
    "category-code": _note(
        N_("Categories that are only a code"),
        N_(
            "“%(category)s” looks like a code of the old system, not like a name; the product was "
            "taken without a category."
        ),
    ),
    "unit-respelled": _note(
        N_("Units that were spelled differently"), N_("This unit is written %(unit)s here.")
    ),
    "barcode-repeated": _note(
        N_("Barcodes of several products"),
        N_("The product on line %(first)s has this barcode too; a scan finds that one."),
    ),
    "barcode-check-digit": _note(
        N_("Barcodes with a wrong check digit"),
        N_(
            "The check digit of this barcode is wrong, so a scanner will not read it from the "
            "package. Scan the product once and correct it."
        ),
    ),
    "barcode-rounded": _note(
        N_("Barcodes that a spreadsheet destroyed"),
        N_(
            "A spreadsheet has rounded this barcode and its last digits are lost; it was left "
            "out. Format the column as text and export again."
        ),
    ),
    "barcode-repaired": _note(
        N_("Barcodes with foreign signs"),
        N_("The old system put signs into the barcode; it was taken as %(barcode)s."),
    ),
    "barcode-unusable": _note(
        N_("Barcodes that cannot be one"),
        N_("No barcode has more than %(most)s characters; it was left out."),
    ),
    "code-made": _note(
        N_("Products that were given a code"),
        N_("The row has no code; it was given %(code)s."),
    ),
    "name-repeated": _note(
        N_("Names of several products"),
        N_("The product on line %(first)s has this name too; cashiers cannot tell them apart."),
    ),
    "name-cut": _note(
        N_("Names that were shortened"), N_("A name has at most %(most)s characters.")
    ),
    "letters-repaired": _note(
        N_("Names with broken letters"),
        N_("The old system garbled some letters; they were repaired to “%(name)s”."),
    ),
    "control-characters": _note(
        N_("Invisible characters"), N_("Characters that cannot be seen were removed.")
    ),
    "tax-unknown": _note(
        N_("Taxes that are not known"),
        N_("There is no tax of this name; the product has %(tax)s."),
    ),
    "stock-minimum-unreadable": _note(
        N_("Minimum stocks that are no number"),
        N_("This is no quantity; the product was taken without a minimum."),
    ),
}
"""Those that need a person first, within each severity."""
