"""One sale, refund or void with everything that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from sentra.cloud.tables import (
    device,
    journal_entry,
    sale,
    sale_line,
    sale_tax,
    shift,
    tender,
    void,
)
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from webapp.places import Place
from webapp.sales.journal import Way, read_way

VOID_KIND = "sale.voided"
ENTRIES_SEARCHED_MAX = 500
"""Entries between two sales of a till that are looked through for a void: a day has fewer."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was sold; a refund's quantities and amounts are negative."""

    position: int
    code: str
    name: str
    unit: str
    quantity_milli: int
    unit_price: int
    discount: int
    amount: int
    tax_code: str
    tax_amount: int
    promotion: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One tax over the receipt."""

    label: str
    inclusive: bool
    base: int
    amount: int


@dataclass(frozen=True, slots=True)
class TenderRow:
    """One way in which it was settled."""

    kind: str
    amount: int
    received: int
    change_given: int
    reference: str | None


@dataclass(frozen=True, slots=True)
class Related:
    """A refund of this sale, or the sale that this refund corrects."""

    sale_id: str
    number: str
    at_ms: int
    total: int
    reason: str


@dataclass(frozen=True, slots=True)
class SaleDetail:
    """A sale, refund or void. A void has no lines: its cart was given up before it was paid.

    `is_beside`: it came in the line of a second machine with the terminal's name.
    """

    branch_id: str
    sale_id: str
    kind: str
    number: str
    place: Place
    terminal: str
    cashier: str
    shift_id: str
    shift_number: int | None
    business_date: str
    opened_at_ms: int | None
    at_ms: int
    currency: str
    line_count: int
    goods_total: int
    discount_total: int
    tax_total: int
    total: int
    rounding: int
    note: str | None
    ticket: str | None
    approved_by: str | None = None
    lines: tuple[Line, ...] = ()
    taxes: tuple[TaxRow, ...] = ()
    tenders: tuple[TenderRow, ...] = ()
    refunds: tuple[Related, ...] = ()
    original: Related | None = None
    way: Way | None = None
    is_beside: bool = False

    @property
    def refunded_total(self) -> int:
        """What was given back for this sale, positive."""
        return -sum(each.total for each in self.refunds)


def read_sale(
    connection: Connection, place: Place, sale_id: str, currency: str
) -> SaleDetail | None:
    """The whole of one sale of a branch; None where there is none. `currency`: for a void."""
    row = connection.execute(
        select(sale).where(sale.c.branch_id == place.id, sale.c.sale_id == sale_id)
    ).one_or_none()
    if row is None:
        return _read_void(connection, place, sale_id, currency)
    return SaleDetail(
        branch_id=place.id,
        sale_id=sale_id,
        kind=row.kind,
        number=row.receipt_number,
        place=place,
        terminal=_terminal_name(connection, row.terminal_id),
        cashier=row.cashier_name,
        shift_id=row.shift_id,
        shift_number=_shift_number(connection, place.id, row.shift_id),
        business_date=row.business_date.isoformat(),
        opened_at_ms=row.opened_at_ms,
        at_ms=row.completed_at_ms,
        currency=row.currency,
        line_count=row.line_count,
        goods_total=row.goods_total,
        discount_total=row.discount_total,
        tax_total=row.tax_total,
        total=row.total,
        rounding=row.rounding,
        note=row.note,
        ticket=row.ticket,
        lines=_lines(connection, place.id, sale_id),
        taxes=_taxes(connection, place.id, sale_id),
        tenders=_tenders(connection, place.id, sale_id),
        refunds=_related(connection, place.id, sale.c.original_sale_id == sale_id),
        original=_original(connection, place.id, row.original_sale_id),
        way=read_way(connection, place.id, row.terminal_id, row.epoch, row.seq),
        # The fork lane's places have the epoch's number negative: docs/decisions/epochs.md.
        is_beside=row.epoch < 0,
    )


def _read_void(
    connection: Connection, place: Place, sale_id: str, currency: str
) -> SaleDetail | None:
    row = connection.execute(
        select(void).where(void.c.branch_id == place.id, void.c.sale_id == sale_id)
    ).one_or_none()
    if row is None:
        return None
    return SaleDetail(
        branch_id=place.id,
        sale_id=sale_id,
        kind="void",
        number=row.receipt_number,
        place=place,
        terminal=_terminal_name(connection, row.terminal_id),
        cashier=row.cashier_name,
        shift_id=row.shift_id,
        shift_number=_shift_number(connection, place.id, row.shift_id),
        business_date=row.business_date.isoformat(),
        opened_at_ms=None,
        at_ms=row.voided_at_ms,
        currency=currency,
        line_count=row.line_count,
        goods_total=0,
        discount_total=0,
        tax_total=0,
        total=row.total,
        rounding=0,
        note=row.reason,
        ticket=None,
        approved_by=row.approved_by,
        way=_way_of_void(connection, row),
    )


def _lines(connection: Connection, branch_id: str, sale_id: str) -> tuple[Line, ...]:
    table = sale_line.c
    columns = [table[name] for name in Line.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(table.branch_id == branch_id, table.sale_id == sale_id)
        .order_by(table.position)
    )
    return tuple(Line(*row) for row in rows)


def _taxes(connection: Connection, branch_id: str, sale_id: str) -> tuple[TaxRow, ...]:
    table = sale_tax.c
    rows = connection.execute(
        select(table.label, table.inclusive, table.base, table.amount)
        .where(table.branch_id == branch_id, table.sale_id == sale_id)
        .order_by(table.tax_code)
    )
    return tuple(TaxRow(*row) for row in rows)


def _tenders(connection: Connection, branch_id: str, sale_id: str) -> tuple[TenderRow, ...]:
    table = tender.c
    rows = connection.execute(
        select(table.kind, table.amount, table.received, table.change_given, table.reference)
        .where(table.branch_id == branch_id, table.sale_id == sale_id)
        .order_by(table.position)
    )
    return tuple(TenderRow(*row) for row in rows)


def _related(connection: Connection, branch_id: str, which: Any) -> tuple[Related, ...]:
    s = sale.c
    rows = connection.execute(
        select(s.sale_id, s.receipt_number, s.completed_at_ms, s.total, s.note)
        .where(s.branch_id == branch_id, which)
        .order_by(s.completed_at_ms)
    )
    return tuple(Related(*row[:4], row.note or "") for row in rows)


def _original(connection: Connection, branch_id: str, original_id: str | None) -> Related | None:
    if original_id is None:
        return None
    found = _related(connection, branch_id, sale.c.sale_id == original_id)
    return found[0] if found else None


def _terminal_name(connection: Connection, terminal_id: str) -> str:
    name: str | None = connection.execute(
        select(device.c.name).where(device.c.id == terminal_id)
    ).scalar_one_or_none()
    return name or terminal_id


def _shift_number(connection: Connection, branch_id: str, shift_id: str) -> int | None:
    number: int | None = connection.execute(
        select(shift.c.number).where(shift.c.branch_id == branch_id, shift.c.shift_id == shift_id)
    ).scalar_one_or_none()
    return number


def _way_of_void(connection: Connection, row: Any) -> Way | None:
    """The way of a void's entry, which its row does not name: it lies between two sales."""
    s, e = sale.c, journal_entry.c
    journal = (s.branch_id == row.branch_id) & (s.terminal_id == row.terminal_id)
    before = connection.execute(
        select(s.epoch, s.seq)
        .where(journal, s.completed_at_ms <= row.voided_at_ms)
        .order_by(s.completed_at_ms.desc())
        .limit(1)
    ).one_or_none()
    epoch, first = (before.epoch, before.seq) if before else (1, 0)
    entries = connection.execute(
        select(e.epoch, e.seq, e.kind, e.schema, e.body)
        .where(
            e.branch_id == row.branch_id,
            e.terminal_id == row.terminal_id,
            e.epoch == epoch,
            e.seq > first,
            e.seq <= first + ENTRIES_SEARCHED_MAX,
            e.kind == VOID_KIND,
        )
        .order_by(e.seq)
    )
    for entry in entries:
        try:
            fact = decode_fact(entry.kind, entry.schema, bytes(entry.body))
        except (UnknownKind, BodyUnreadable):
            continue
        if getattr(fact, "sale_id", None) == row.sale_id:
            return read_way(connection, row.branch_id, row.terminal_id, entry.epoch, entry.seq)
    return None
