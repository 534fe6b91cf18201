"""Tax on a line, from dated rates that are data.

Words. The *effective rate* of a tax is base_numerator/base_denominator × rate: PPN is 12 % on
11/12 of the price, 11 % in effect. The *base* of a line is its price without tax. An exclusive
tax comes on top of the line's amount, an inclusive one is inside it.

Rounding steps, all to the minor unit with halves away from zero (PER-11/PJ/2025 article 129 (3):
below 0,50 down, from 0,50 up), and so that a return mirrors its sale:

1. *exclusive tax*   = amount × effective rate, rounded once, from the exact product;
2. *inclusive tax*   = amount × effective / (1 + effective), rounded once (for PPN P × 11/111);
3. *inclusive base*  = amount - tax, never rounded for itself, so base and tax add up to the price
   (it is P × 100/111, rounded, for PPN);
4. *taxable value* (DPP nilai lain, 11/12 of the base) is shown on reports only; no tax is
   calculated from it once it is rounded.

A receipt's tax is the sum of its lines' taxes, never a calculation of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from sentra.events import Tax, TaxTotal
from sentra.money import divide_half_away

UNTAXED: Final = ""
"""The tax code of goods that carry no tax at all."""

_PERMYRIAD: Final = 10_000


@dataclass(frozen=True, slots=True)
class LineTax:
    """The tax of one line in minor units; both zero where no rate is in force."""

    base: int
    amount: int


class TaxedLine(Protocol):
    """Any line that says its tax code, base and tax."""

    @property
    def tax_code(self) -> str: ...
    @property
    def tax_base(self) -> int: ...
    @property
    def tax_amount(self) -> int: ...


NO_TAX: Final = LineTax(base=0, amount=0)


def rates_in_force(taxes: Iterable[Tax], branch_id: str, day: str) -> dict[str, Tax]:
    """The rate of each tax code at a branch on a day (ISO text, in the branch's zone).

    A branch's own rate goes before the company's; among those the latest begun is taken.
    """
    found: dict[str, Tax] = {}
    for tax in taxes:
        if tax.branch_id not in (None, branch_id) or not _holds(tax, day):
            continue
        best = found.get(tax.code)
        if best is None or _rank(tax) >= _rank(best):
            found[tax.code] = tax
    return found


def _holds(tax: Tax, day: str) -> bool:
    return tax.valid_from <= day and (tax.valid_to is None or day < tax.valid_to)


def _rank(tax: Tax) -> tuple[bool, str]:
    return tax.branch_id is not None, tax.valid_from


def tax_on(amount: int, tax: Tax | None) -> LineTax:
    """The base and the tax of a line's amount (after discount), by the rounding steps above."""
    if tax is None:
        return NO_TAX
    effective = tax.base_numerator * tax.rate_permyriad
    whole = tax.base_denominator * _PERMYRIAD
    if tax.inclusive:
        inside = divide_half_away(amount * effective, whole + effective)
        return LineTax(base=amount - inside, amount=inside)
    return LineTax(base=amount, amount=divide_half_away(amount * effective, whole))


def taxable_value(base: int, tax: Tax) -> int:
    """The legal base that the nominal rate is applied to (DPP nilai lain), for reports."""
    return divide_half_away(base * tax.base_numerator, tax.base_denominator)


def tax_totals(lines: Iterable[TaxedLine], rates: Mapping[str, Tax]) -> tuple[TaxTotal, ...]:
    """Sum the lines' taxes per code, in the order in which the codes first appear.

    A code without a rate in force has no total: there is nothing to add up.
    """
    sums: dict[str, tuple[int, int]] = {}
    for line in lines:
        if line.tax_code in rates:
            base, amount = sums.get(line.tax_code, (0, 0))
            sums[line.tax_code] = (base + line.tax_base, amount + line.tax_amount)
    return tuple(
        TaxTotal(code, rates[code].label, rates[code].inclusive, base, amount)
        for code, (base, amount) in sums.items()
    )


def tax_on_top(totals: Iterable[TaxTotal]) -> int:
    """The part of the taxes that is added to the goods: that of exclusive rates."""
    return sum(total.amount for total in totals if not total.inclusive)
