"""Parked orders as tills offer them, and a day's totals as the router tells them."""

from __future__ import annotations

import msgspec

from sentra.protocol.branch import BranchTotals, DaySums, Offer, TenderTotal, TerminalTotals
from tests.support.journals import START_MS, an_id


def an_offer(number: int = 1, **changes: object) -> Offer:
    """Table `number`'s order: three lines for Rp 45.000."""
    values: dict[str, object] = {
        "parking_id": an_id(500_000 + number),
        "sale_id": an_id(600_000 + number),
        "parked_at_ms": START_MS + number,
        "parked_by": "Dewi",
        "label": f"Meja {number}",
        "first": "Kopi",
        "line_count": 3,
        "total": 45_000,
        "currency": "IDR",
        "cart": msgspec.Raw(b'{"lines":[],"sale_id":"%d"}' % number),
    }
    return Offer(**(values | changes))  # type: ignore[arg-type]  # the tests' own names


def terminal_totals(terminal: str, name: str, sales: int, **changes: object) -> TerminalTotals:
    """A till that sold so often for Rp 45.000 in cash, and was heard now."""
    tenders = {"cash": TenderTotal(count=sales, amount=45_000 * sales)} if sales else {}
    total = 45_000 * sales
    sums = DaySums(
        sale_count=sales, gross_sales=total, goods_total=total, total=total, tenders=tenders
    )
    values: dict[str, object] = {
        "terminal": terminal,
        "terminal_name": name,
        "sums": sums,
        "begun_epoch": 1,
        "begun_seq": 0,
        "epoch": 1,
        "seq": sales + 1,
        "behind": 0,
        "heard_ms_ago": 0,
        "is_whole": True,
        "unread": 0,
    }
    return TerminalTotals(**(values | changes))  # type: ignore[arg-type]  # the tests' own names


def day_totals(date: str, together: DaySums, *terminals: TerminalTotals) -> BranchTotals:
    """The branch's totals of a day."""
    return BranchTotals(business_date=date, together=together, terminals=terminals)
