"""What a business date sold: facts added up one by one, as the X report adds them."""

from __future__ import annotations

from sentra.events import Fact, RefundCompleted, SaleCompleted, StockMoved
from sentra.money import AMOUNT_MAX, QUANTITY_MILLI_MAX
from sentra.protocol.branch import DaySums, TenderTotal

Sold = SaleCompleted | RefundCompleted


def is_plausible(fact: Fact) -> bool:
    """Whether it can be added up: a journal may say any number, and sums have an end."""
    if isinstance(fact, StockMoved):
        return -QUANTITY_MILLI_MAX <= fact.quantity_milli <= QUANTITY_MILLI_MAX
    if not isinstance(fact, SaleCompleted | RefundCompleted):
        return True
    # Loops, written out: this is looked at for each line of a backlog.
    for line in fact.lines:
        if not -QUANTITY_MILLI_MAX <= line.quantity_milli <= QUANTITY_MILLI_MAX:
            return False
    for tender in fact.tenders:
        if not -AMOUNT_MAX <= tender.amount <= AMOUNT_MAX:
            return False
    discount = fact.discount_total if isinstance(fact, SaleCompleted) else 0
    for amount in (fact.goods_total, fact.tax_total, fact.total, fact.rounding, discount):
        if not -AMOUNT_MAX <= amount <= AMOUNT_MAX:
            return False
    return True


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
