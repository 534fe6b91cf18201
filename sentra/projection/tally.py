"""Sums over facts, counted the same way at till, router and cloud, so that they can be compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sentra.events import Fact, RefundCompleted, SaleCompleted


@dataclass(slots=True)
class Tally:
    """What was sold. Amounts are minor units; tenders by kind, refunds paid out negative.

    `gross` is the goods of all sales after discount, before taxes on top and cash rounding: the
    sum of the tickets' own amounts.
    """

    tickets: int = 0
    lines: int = 0
    gross: int = 0
    refunds: int = 0
    refunded: int = 0
    tenders: Counter[str] = field(default_factory=Counter)

    def add(self, fact: Fact) -> None:
        """Count one fact in; those that sell nothing are passed over."""
        if isinstance(fact, SaleCompleted):
            self.tickets += 1
            self.lines += len(fact.lines)
            self.gross += fact.goods_total
            for tender in fact.tenders:
                self.tenders[tender.kind] += tender.amount
        elif isinstance(fact, RefundCompleted):
            self.refunds += 1
            self.refunded += fact.goods_total
            for tender in fact.tenders:
                self.tenders[tender.kind] -= tender.amount

    def merge(self, other: Tally) -> None:
        """Add another's sums to these."""
        self.tickets += other.tickets
        self.lines += other.lines
        self.gross += other.gross
        self.refunds += other.refunds
        self.refunded += other.refunded
        for kind, amount in other.tenders.items():
            self.tenders[kind] += amount
