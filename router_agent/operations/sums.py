"""What facts sold and moved: added up as they are read, so that none has to be kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sentra.events import Fact, RefundCompleted, SaleCompleted, StockMoved
from sentra.money import AMOUNT_MAX, QUANTITY_MILLI_MAX
from sentra.protocol.branch import DaySums, TenderTotal

COUNTED: Final = ("receipt", "count", "adjustment")
"""Movements that make a sum of movements mean what is there, as for the cloud's findings."""

_NAMES: Final = tuple(name for name in DaySums.__struct_fields__ if name != "tenders")


@dataclass(slots=True)
class Sums:
    """Of some facts: by business date; by (product, date) what sales took from the shelf less what
    refunds put back; by product what else came and went, and how often that says what was there.
    Quantities are thousandths."""

    days: dict[str, DaySums] = field(default_factory=dict)
    sold: dict[tuple[str, str], int] = field(default_factory=dict)
    moved: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """Counts one fact in; those that neither sell nor move goods are passed over."""
        if isinstance(fact, SaleCompleted):
            date = fact.business_date
            _add_sale(self._day(date), fact)
            sold = self.sold
            for line in fact.lines:
                if line.product_id is not None:
                    key = (line.product_id, date)
                    sold[key] = sold.get(key, 0) + line.quantity_milli
        elif isinstance(fact, RefundCompleted):
            _add_refund(self._day(fact.business_date), fact)
            for back in fact.lines:
                if back.product_id is not None and back.restocked:
                    key = (back.product_id, fact.business_date)
                    self.sold[key] = self.sold.get(key, 0) - back.quantity_milli
        elif isinstance(fact, StockMoved):
            milli, counts = self.moved.get(fact.product_id, (0, 0))
            counted = fact.kind in COUNTED
            self.moved[fact.product_id] = (milli + fact.quantity_milli, counts + counted)

    def _day(self, date: str) -> DaySums:
        sums = self.days.get(date)
        if sums is None:
            sums = self.days[date] = DaySums()
        return sums

    def are_plausible(self) -> bool:
        """Whether they can be written down: a journal may say any number, and columns have an end.
        Where they are, whatever cancelled itself out within them harms nobody."""
        moved = [milli for milli, _counts in self.moved.values()]
        amounts = [getattr(day, name) for day in self.days.values() for name in _NAMES]
        amounts += [one.amount for day in self.days.values() for one in day.tenders.values()]
        return _are_within((*self.sold.values(), *moved), QUANTITY_MILLI_MAX) and _are_within(
            amounts, AMOUNT_MAX
        )


def is_plausible(fact: Fact) -> bool:
    """Whether a fact alone can be written down."""
    alone = Sums()
    alone.add(fact)
    return alone.are_plausible()


def merge(sums: DaySums, other: DaySums) -> None:
    """Adds another's sums to these."""
    for name in _NAMES:
        setattr(sums, name, getattr(sums, name) + getattr(other, name))
    for kind, tender in other.tenders.items():
        _add_tender(sums, kind, tender.count, tender.amount)


def _add_sale(sums: DaySums, fact: SaleCompleted) -> None:
    sums.sale_count += 1
    sums.gross_sales += fact.total
    sums.discount_total += fact.discount_total
    sums.goods_total += fact.goods_total
    sums.tax_total += fact.tax_total
    sums.total += fact.total
    sums.rounding += fact.rounding
    for tender in fact.tenders:
        _add_tender(sums, tender.kind, 1, tender.amount)


def _add_refund(sums: DaySums, fact: RefundCompleted) -> None:
    sums.refund_count += 1
    sums.refunds_total += fact.total
    sums.goods_total -= fact.goods_total
    sums.tax_total -= fact.tax_total
    sums.total -= fact.total
    sums.rounding -= fact.rounding
    for tender in fact.tenders:
        _add_tender(sums, tender.kind, 1, -tender.amount)


def _add_tender(sums: DaySums, kind: str, count: int, amount: int) -> None:
    kept = sums.tenders.get(kind)
    if kept is None:
        kept = sums.tenders[kind] = TenderTotal()
    kept.count += count
    kept.amount += amount


def _are_within(numbers: tuple[int, ...] | list[int], most: int) -> bool:
    return not numbers or (-most <= min(numbers) and max(numbers) <= most)
