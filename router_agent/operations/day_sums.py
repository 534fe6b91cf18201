"""What a business date sold: facts added up one by one, as the X report adds them."""

from __future__ import annotations

from typing import Final

from sentra.events import Fact, RefundCompleted, SaleCompleted
from sentra.money import AMOUNT_MAX
from sentra.protocol.branch import DaySums, TenderTotal

Sold = SaleCompleted | RefundCompleted
_MIN: Final = -AMOUNT_MAX


def is_plausible(fact: Fact) -> bool:
    """Whether it can be added up: a journal may say any number, and sums have an end."""
    if not isinstance(fact, SaleCompleted | RefundCompleted):
        return True
    if isinstance(fact, SaleCompleted) and not _MIN <= fact.discount_total <= AMOUNT_MAX:
        return False
    for tender in fact.tenders:
        if not _MIN <= tender.amount <= AMOUNT_MAX:
            return False
    # Written out: this is looked at for each sale of a backlog.
    return (
        _MIN <= fact.goods_total <= AMOUNT_MAX
        and _MIN <= fact.tax_total <= AMOUNT_MAX
        and _MIN <= fact.total <= AMOUNT_MAX
        and _MIN <= fact.rounding <= AMOUNT_MAX
    )


def add(sums: DaySums, fact: Sold) -> None:
    """Counts one fact in."""
    if isinstance(fact, SaleCompleted):
        sign = 1
        sums.sale_count += 1
        sums.gross_sales += fact.total
        sums.discount_total += fact.discount_total
    else:
        sign = -1
        sums.refund_count += 1
        sums.refunds_total += fact.total
    sums.goods_total += sign * fact.goods_total
    sums.tax_total += sign * fact.tax_total
    sums.total += sign * fact.total
    sums.rounding += sign * fact.rounding
    for tender in fact.tenders:
        _add_tender(sums, tender.kind, 1, sign * tender.amount)


def merge(sums: DaySums, other: DaySums) -> None:
    """Adds another's sums to these."""
    for name in DaySums.__struct_fields__:
        if name != "tenders":
            setattr(sums, name, getattr(sums, name) + getattr(other, name))
    for kind, tender in other.tenders.items():
        _add_tender(sums, kind, tender.count, tender.amount)


def _add_tender(sums: DaySums, kind: str, count: int, amount: int) -> None:
    kept = sums.tenders.get(kind)
    if kept is None:
        kept = sums.tenders[kind] = TenderTotal()
    kept.count += count
    kept.amount += amount
