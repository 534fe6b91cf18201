"""The rows that one fact adds to the shared tables.

Each row is a tuple in the order of its table's columns, so that a store can COPY or executemany
it as it is. A row's place in the journal (terminal, epoch, seq) comes from its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sentra.events import (
    CashMoved,
    Fact,
    RefundCompleted,
    RefundLine,
    SaleCompleted,
    SaleLine,
    SaleVoided,
    ShiftClosed,
    ShiftOpened,
    StockMoved,
    TaxTotal,
)
from sentra.instants import local_hour

Row = tuple[Any, ...]


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a fact stands: whose branch, which terminal's journal, which entry."""

    branch_id: str
    terminal_id: str
    epoch: int
    seq: int


def _sale(place: Place, fact: SaleCompleted) -> Iterator[tuple[str, Row]]:
    branch, sale = place.branch_id, fact.sale_id
    sums = (fact.goods_total, fact.discount_total, fact.tax_total, fact.total, fact.rounding)
    opening = (branch, sale, "sale", *_standing(place, fact))
    yield "sale", (*opening, *sums, None, fact.note, fact.ticket)
    for line in fact.lines:
        yield "sale_line", _sold(branch, sale, line)
        if line.product_id is not None:
            moved = -line.quantity_milli
            yield _stock(place, sale, line.position, line.product_id, "sale", moved, fact)
    yield from _taxes(branch, sale, fact.taxes, 1)
    for position, tender in enumerate(fact.tenders, 1):
        amounts = (tender.amount, tender.received, tender.change)
        row = (branch, sale, position, fact.shift_id, tender.kind, *amounts, tender.reference)
        yield "tender", row


def _refund(place: Place, fact: RefundCompleted) -> Iterator[tuple[str, Row]]:
    branch, refund = place.branch_id, fact.refund_id
    sums = (-fact.goods_total, 0, -fact.tax_total, -fact.total, -fact.rounding)
    opening = (branch, refund, "refund", *_standing(place, fact))
    yield "sale", (*opening, *sums, fact.original_sale_id, fact.reason, None)
    for line in fact.lines:
        yield "sale_line", _given_back(branch, refund, line)
        if line.product_id is not None and line.restocked:
            moved = line.quantity_milli
            yield _stock(place, refund, line.position, line.product_id, "refund", moved, fact)
    yield from _taxes(branch, refund, fact.taxes, -1)
    for position, tender in enumerate(fact.tenders, 1):
        paid = -tender.amount
        row = (branch, refund, position, fact.shift_id, tender.kind, paid, paid, 0)
        yield "tender", (*row, tender.reference)


def _standing(place: Place, fact: SaleCompleted | RefundCompleted) -> Row:
    """The columns of `sale` from terminal_id to line_count: where, when and by whom."""
    return (
        place.terminal_id,
        place.epoch,
        place.seq,
        fact.receipt_number,
        fact.shift_id,
        fact.cashier_id,
        fact.cashier_name,
        fact.business_date,
        local_hour(fact.completed_at_ms, fact.zone),
        fact.opened_at_ms,
        fact.completed_at_ms,
        fact.currency,
        len(fact.lines),
    )


def _sold(branch: str, sale: str, line: SaleLine) -> Row:
    return (
        branch,
        sale,
        line.position,
        line.product_id,
        line.code,
        line.name,
        line.unit,
        line.quantity_milli,
        line.unit_price,
        line.discount,
        line.amount,
        line.tax_code,
        line.tax_base,
        line.tax_amount,
        None,
        line.promotion,
        line.note,
    )


def _given_back(branch: str, refund: str, line: RefundLine) -> Row:
    return (
        branch,
        refund,
        line.position,
        line.product_id,
        line.code,
        line.name,
        line.unit,
        -line.quantity_milli,
        line.unit_price,
        0,
        -line.amount,
        line.tax_code,
        -line.tax_base,
        -line.tax_amount,
        line.original_position,
        None,
        None,
    )


def _stock(
    place: Place,
    source: str,
    position: int,
    product: str,
    kind: str,
    quantity_milli: int,
    fact: SaleCompleted | RefundCompleted,
) -> tuple[str, Row]:
    row = (place.branch_id, source, position, place.terminal_id, product, kind, quantity_milli)
    return "stock_movement", (*row, fact.completed_at_ms)


def _taxes(
    branch: str, sale: str, taxes: tuple[TaxTotal, ...], sign: int
) -> Iterator[tuple[str, Row]]:
    for tax in taxes:
        amounts = (sign * tax.base, sign * tax.amount)
        yield "sale_tax", (branch, sale, tax.code, tax.label, tax.inclusive, *amounts)


def _void(place: Place, fact: SaleVoided) -> Iterator[tuple[str, Row]]:
    yield (
        "void",
        (
            place.branch_id,
            fact.sale_id,
            place.terminal_id,
            fact.receipt_number,
            fact.shift_id,
            fact.cashier_id,
            fact.cashier_name,
            fact.business_date,
            fact.voided_at_ms,
            fact.line_count,
            fact.total,
            fact.reason,
            fact.approved_by,
        ),
    )


def _shift_opened(place: Place, fact: ShiftOpened) -> Iterator[tuple[str, Row]]:
    yield (
        "shift",
        (
            place.branch_id,
            fact.shift_id,
            place.terminal_id,
            fact.number,
            fact.cashier_id,
            fact.cashier_name,
            fact.business_date,
            fact.opened_at_ms,
            fact.opening_float,
            fact.currency,
        ),
    )


def _shift_closed(place: Place, fact: ShiftClosed) -> Iterator[tuple[str, Row]]:
    yield (
        "shift_close",
        (
            place.branch_id,
            fact.shift_id,
            place.terminal_id,
            fact.cashier_id,
            fact.cashier_name,
            fact.business_date,
            fact.closed_at_ms,
            fact.sale_count,
            fact.refund_count,
            fact.void_count,
            fact.total,
            fact.rounding,
            fact.expected_cash,
            fact.counted_cash,
            fact.difference,
            fact.last_hash,
            fact.note,
        ),
    )


def _cash_moved(place: Place, fact: CashMoved) -> Iterator[tuple[str, Row]]:
    yield (
        "cash_movement",
        (
            place.branch_id,
            fact.movement_id,
            place.terminal_id,
            fact.shift_id,
            fact.kind,
            fact.amount,
            fact.cashier_id,
            fact.cashier_name,
            fact.business_date,
            fact.moved_at_ms,
            fact.reason,
            fact.approved_by,
        ),
    )


def _stock_moved(place: Place, fact: StockMoved) -> Iterator[tuple[str, Row]]:
    row = (place.branch_id, fact.movement_id, 0, place.terminal_id, fact.product_id, fact.kind)
    yield "stock_movement", (*row, fact.quantity_milli, fact.moved_at_ms)


_PROJECTIONS: dict[type[Fact], Callable[[Place, Any], Iterator[tuple[str, Row]]]] = {
    SaleCompleted: _sale,
    RefundCompleted: _refund,
    SaleVoided: _void,
    ShiftOpened: _shift_opened,
    ShiftClosed: _shift_closed,
    CashMoved: _cash_moved,
    StockMoved: _stock_moved,
}


def project(place: Place, fact: Fact) -> Iterator[tuple[str, Row]]:
    """(table name, row) for each row that this fact adds."""
    return _PROJECTIONS[type(fact)](place, fact)
