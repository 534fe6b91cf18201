"""The drawer of a shift: what should be in it, what was counted, and the sums of an X or Z report.

    expected cash = opening float + cash taken - change given + paid in - paid out - dropped

A cash tender's amount is already received minus change, so change is never forgotten. Refunds
count negative throughout, as they do in the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from sentra.domain.errors import DomainError
from sentra.domain.payment import CASH
from sentra.events import (
    CashMoved,
    Fact,
    RefundCompleted,
    SaleCompleted,
    SaleVoided,
    TaxTotal,
)
from sentra.money import AMOUNT_MAX

PAID_IN: Final = "paid_in"
PAID_OUT: Final = "paid_out"
DROP: Final = "drop"
NO_SALE: Final = "no_sale"
MOVEMENT_KINDS: Final = (PAID_IN, PAID_OUT, DROP, NO_SALE)

DENOMINATIONS: Final[dict[str, tuple[int, ...]]] = {
    "IDR": (100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50),
    "GBP": (5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "EUR": (20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1),
    "USD": (10000, 5000, 2000, 1000, 500, 100, 25, 10, 5, 1),
    "SGD": (10000, 5000, 1000, 500, 200, 100, 50, 20, 10, 5),
    "MYR": (10000, 5000, 2000, 1000, 500, 100, 50, 20, 10, 5),
    "JPY": (10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10, 5, 1),
}
"""Face values in circulation, in minor units, largest first. Coin and note of one value count as
one (Rp 1.000). A currency that is not here is counted as one sum."""

PIECES_MAX: Final = 100_000
"""Pieces of one face value in one count; more is a sum typed into the field for pieces."""


class CountRefused(DomainError):
    """A count of the drawer that cannot be."""

    code = "drawer-count"
    sentence = "%(count)s pieces of %(value)s cannot be right. Enter how many pieces there are."
    amounts = ("value",)


def count_cash(pieces: Iterable[tuple[int, int]]) -> int:
    """The sum of (face value in minor units, pieces) pairs.

    Raises:
        CountRefused: a face value or a number of pieces that cannot be.
    """
    total = 0
    for value, count in pieces:
        if value <= 0 or not 0 <= count <= PIECES_MAX or value * count > AMOUNT_MAX:
            raise CountRefused(value=value, count=count)
        total += value * count
    return total


@dataclass(frozen=True, slots=True)
class TenderSum:
    """One kind of tender over a shift: how often, and its net amount."""

    kind: str
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class ShiftSummary:
    """An X report while the shift is open, a Z report once it is closed.

    `goods_total`, `tax_total`, `total`, `rounding` and `taxes` are sales minus refunds;
    `gross_sales` and `refunds_total` are the two totals by themselves. `paid_out` and `dropped`
    are positive.
    """

    opening_float: int
    sale_count: int = 0
    refund_count: int = 0
    void_count: int = 0
    no_sale_count: int = 0
    gross_sales: int = 0
    refunds_total: int = 0
    goods_total: int = 0
    discount_total: int = 0
    tax_total: int = 0
    total: int = 0
    rounding: int = 0
    change_given: int = 0
    paid_in: int = 0
    paid_out: int = 0
    dropped: int = 0
    tenders: tuple[TenderSum, ...] = ()
    taxes: tuple[TaxTotal, ...] = ()

    @property
    def expected_cash(self) -> int:
        """What the drawer should hold now, in minor units."""
        cash = sum(tender.amount for tender in self.tenders if tender.kind == CASH)
        return expected_cash(self.opening_float, cash, self.paid_in, self.paid_out, self.dropped)


def expected_cash(
    opening_float: int, cash_net: int, paid_in: int, paid_out: int, dropped: int
) -> int:
    """What the drawer should hold; `cash_net` is cash taken less change and cash refunded."""
    return opening_float + cash_net + paid_in - paid_out - dropped


def summarise(opening_float: int, facts: Iterable[Fact]) -> ShiftSummary:
    """Add the facts of one shift up, in any order; facts that move no money are passed over."""
    tally = _Tally(ShiftSummary(opening_float))
    for fact in facts:
        tally.add(fact)
    return tally.summary()


class _Tally:
    """Sums under way; one pass over a shift's facts."""

    def __init__(self, start: ShiftSummary) -> None:
        self._sums = start
        self._tenders: dict[str, tuple[int, int]] = {}
        self._taxes: dict[str, TaxTotal] = {}

    def add(self, fact: Fact) -> None:
        """Count one fact in."""
        sums = self._sums
        if isinstance(fact, SaleCompleted):
            self._sums = replace(
                self._with_sums(fact, 1),
                sale_count=sums.sale_count + 1,
                gross_sales=sums.gross_sales + fact.total,
                discount_total=sums.discount_total + fact.discount_total,
                change_given=sums.change_given + sum(tender.change for tender in fact.tenders),
            )
        elif isinstance(fact, RefundCompleted):
            self._sums = replace(
                self._with_sums(fact, -1),
                refund_count=sums.refund_count + 1,
                refunds_total=sums.refunds_total + fact.total,
            )
        elif isinstance(fact, SaleVoided):
            self._sums = replace(sums, void_count=sums.void_count + 1)
        elif isinstance(fact, CashMoved):
            self._sums = _with_movement(sums, fact)

    def _with_sums(self, fact: SaleCompleted | RefundCompleted, sign: int) -> ShiftSummary:
        for tender in fact.tenders:
            count, amount = self._tenders.get(tender.kind, (0, 0))
            self._tenders[tender.kind] = (count + 1, amount + sign * tender.amount)
        for tax in fact.taxes:
            before = self._taxes.get(tax.code) or msgspec.structs.replace(tax, base=0, amount=0)
            self._taxes[tax.code] = msgspec.structs.replace(
                before,
                base=before.base + sign * tax.base,
                amount=before.amount + sign * tax.amount,
            )
        return replace(
            self._sums,
            goods_total=self._sums.goods_total + sign * fact.goods_total,
            tax_total=self._sums.tax_total + sign * fact.tax_total,
            total=self._sums.total + sign * fact.total,
            rounding=self._sums.rounding + sign * fact.rounding,
        )

    def summary(self) -> ShiftSummary:
        """The sums, tenders by kind and taxes by code in alphabetical order."""
        return replace(
            self._sums,
            tenders=tuple(
                TenderSum(kind, count, amount)
                for kind, (count, amount) in sorted(self._tenders.items())
            ),
            taxes=tuple(tax for _code, tax in sorted(self._taxes.items())),
        )


def _with_movement(sums: ShiftSummary, fact: CashMoved) -> ShiftSummary:
    if fact.kind == PAID_IN:
        return replace(sums, paid_in=sums.paid_in + fact.amount)
    if fact.kind == PAID_OUT:
        return replace(sums, paid_out=sums.paid_out - fact.amount)
    if fact.kind == DROP:
        return replace(sums, dropped=sums.dropped - fact.amount)
    return replace(sums, no_sale_count=sums.no_sale_count + 1)


def denominations_of(currency: str) -> Sequence[int]:
    """Face values of a currency in minor units, largest first; empty where none are listed."""
    return DENOMINATIONS.get(currency, ())
