"""Shifts with their close, their cash, and the proof that till and cloud counted the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from sqlalchemy import Connection, Select, and_, func, select, true
from sqlalchemy.sql.elements import ColumnElement

from sentra.cloud.tables import (
    cash_movement,
    device,
    journal_entry,
    sale,
    shift,
    shift_close,
    tender,
    void,
)
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from webapp.places import Place

PAGE_ROWS: Final = 40
ENTRIES_SEARCHED_MAX: Final = 500
"""Entries behind a shift's last sale that are looked through for its close."""

Proof = Literal["equal", "differs", "open"]


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """A shift. What is None is not known before it is closed. `difference`: counted − expected."""

    branch_id: str
    shift_id: str
    place: Place
    terminal: str
    number: int
    cashier: str
    business_date: str
    opened_at_ms: int
    closed_at_ms: int | None
    opening_float: int
    sale_count: int
    total: int
    expected_cash: int | None
    counted_cash: int | None
    difference: int | None
    proof: Proof


@dataclass(frozen=True, slots=True)
class Sides:
    """One figure of the proof at close: as the till said it, and as the cloud has it."""

    name: str
    till: int
    cloud: int

    @property
    def is_equal(self) -> bool:
        """Whether both say the same."""
        return self.till == self.cloud


@dataclass(frozen=True, slots=True)
class CashMove:
    """Cash that went in or out without a sale; out is negative."""

    kind: str
    amount: int
    at_ms: int
    cashier: str
    reason: str
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class TenderSum:
    """All of a shift's payments of one kind."""

    kind: str
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class ShiftDetail:
    """A shift with its parts. `proof_sides` is empty while it is open; `hash_state`: the last hash
    before the close is the same at till and cloud."""

    row: ShiftRow
    note: str | None
    currency: str
    refund_count: int
    void_count: int
    rounding: int
    tenders: tuple[TenderSum, ...]
    moves: tuple[CashMove, ...]
    proof_sides: tuple[Sides, ...]
    hash_state: Literal["equal", "differs", "unknown"]
    last_hash: str


def read_shifts(
    connection: Connection,
    places: Sequence[Place],
    *,
    first: str = "",
    last: str = "",
    only_differences: bool = False,
    page: int = 1,
) -> tuple[tuple[ShiftRow, ...], bool]:
    """One page of shifts, newest first, and whether there are more."""
    question = _shifts(places)
    if first:
        question = question.where(shift.c.business_date >= date.fromisoformat(first))
    if last:
        question = question.where(shift.c.business_date <= date.fromisoformat(last))
    if only_differences:
        question = question.where(shift_close.c.difference != 0)
    rows = connection.execute(
        question.order_by(shift.c.opened_at_ms.desc(), shift.c.shift_id)
        .limit(PAGE_ROWS + 1)
        .offset((page - 1) * PAGE_ROWS)
    ).all()
    by_id = {place.id: place for place in places}
    found = tuple(_row(row, by_id[row.branch_id]) for row in rows[:PAGE_ROWS])
    return found, len(rows) > PAGE_ROWS


def read_shift(connection: Connection, place: Place, shift_id: str) -> ShiftDetail | None:
    """One shift of a branch; None where there is none."""
    row = connection.execute(_shifts((place,)).where(shift.c.shift_id == shift_id)).one_or_none()
    if row is None:
        return None
    here = (place.id, shift_id)
    said, known = _said_hash(connection, row)
    return ShiftDetail(
        row=_row(row, place),
        note=row.note,
        currency=row.currency,
        refund_count=row.cloud_refunds,
        void_count=row.cloud_voids,
        rounding=int(row.cloud_rounding or 0),
        tenders=_tenders(connection, *here),
        moves=_moves(connection, *here),
        proof_sides=_sides(row) if row.closed_at_ms is not None else (),
        hash_state="unknown" if not (said and known) else ("equal" if said == known else "differs"),
        last_hash=said,
    )


def _shifts(places: Sequence[Place]) -> Select[Any]:
    """Shifts beside their close and the cloud's own count of what belongs to them."""
    counted = _counted(
        sale,
        func.count().filter(sale.c.kind == "sale").label("cloud_sales"),
        func.count().filter(sale.c.kind == "refund").label("cloud_refunds"),
        func.coalesce(func.sum(sale.c.total), 0).label("cloud_total"),
        func.coalesce(func.sum(sale.c.rounding), 0).label("cloud_rounding"),
    )
    voids = _counted(void, func.count().label("cloud_voids"))
    c = shift_close.c
    return (
        select(
            shift,
            device.c.name.label("terminal_name"),
            c.closed_at_ms,
            c.sale_count,
            c.refund_count,
            c.void_count,
            c.total,
            c.rounding,
            c.expected_cash,
            c.counted_cash,
            c.difference,
            c.last_hash,
            c.note,
            counted,
            voids,
        )
        .select_from(
            shift.outerjoin(shift_close, _same_shift(c))
            .outerjoin(device, device.c.id == shift.c.terminal_id)
            .join(counted, true())
            .join(voids, true())
        )
        .where(shift.c.branch_id.in_([place.id for place in places]))
    )


def _counted(table: Any, *columns: Any) -> Any:
    return select(*columns).select_from(table).where(_same_shift(table.c)).lateral()


def _same_shift(columns: Any) -> ColumnElement[bool]:
    return and_(columns.branch_id == shift.c.branch_id, columns.shift_id == shift.c.shift_id)


def _sides(row: Any) -> tuple[Sides, ...]:
    return (
        Sides("sales", row.sale_count, row.cloud_sales),
        Sides("refunds", row.refund_count, row.cloud_refunds),
        Sides("voids", row.void_count, row.cloud_voids),
        Sides("total", row.total, int(row.cloud_total)),
        Sides("rounding", row.rounding, int(row.cloud_rounding)),
    )


def _row(row: Any, place: Place) -> ShiftRow:
    closed = row.closed_at_ms is not None
    proof: Proof = "open"
    if closed:
        proof = "equal" if all(side.is_equal for side in _sides(row)) else "differs"
    return ShiftRow(
        row.branch_id,
        row.shift_id,
        place,
        row.terminal_name or row.terminal_id,
        row.number,
        row.cashier_name,
        row.business_date.isoformat(),
        row.opened_at_ms,
        row.closed_at_ms,
        row.opening_float,
        row.cloud_sales,
        int(row.cloud_total),
        row.expected_cash,
        row.counted_cash,
        row.difference,
        proof,
    )


def _tenders(connection: Connection, branch_id: str, shift_id: str) -> tuple[TenderSum, ...]:
    t = tender.c
    rows = connection.execute(
        select(t.kind, func.count(), func.sum(t.amount))
        .where(t.branch_id == branch_id, t.shift_id == shift_id)
        .group_by(t.kind)
        .order_by(func.sum(t.amount).desc())
    )
    return tuple(TenderSum(kind, times, int(amount)) for kind, times, amount in rows)


def _moves(connection: Connection, branch_id: str, shift_id: str) -> tuple[CashMove, ...]:
    m = cash_movement.c
    rows = connection.execute(
        select(m.kind, m.amount, m.moved_at_ms, m.cashier_name, m.reason, m.approved_by)
        .where(m.branch_id == branch_id, m.shift_id == shift_id)
        .order_by(m.moved_at_ms)
    )
    return tuple(CashMove(*row) for row in rows)


def _said_hash(connection: Connection, row: Any) -> tuple[str, str]:
    """The last hash before the close, as the till said it and as the cloud's journal has it."""
    if row.closed_at_ms is None:
        return "", ""
    s, e = sale.c, journal_entry.c
    last = connection.execute(
        select(s.epoch, s.seq)
        .where(s.branch_id == row.branch_id, s.shift_id == row.shift_id)
        .order_by(s.epoch.desc(), s.seq.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        return row.last_hash, ""
    entries = connection.execute(
        select(e.kind, e.schema, e.body, e.hash)
        .where(
            e.branch_id == row.branch_id,
            e.terminal_id == row.terminal_id,
            e.epoch == last.epoch,
            e.seq >= last.seq,
            e.seq <= last.seq + ENTRIES_SEARCHED_MAX,
        )
        .order_by(e.seq)
    )
    before = ""
    for entry in entries:
        if entry.kind == "shift.closed" and _closes(entry, row.shift_id):
            return row.last_hash, before
        before = bytes(entry.hash).hex()
    return row.last_hash, ""


def _closes(entry: Any, shift_id: str) -> bool:
    try:
        fact = decode_fact(entry.kind, entry.schema, bytes(entry.body))
    except (UnknownKind, BodyUnreadable):
        return False
    return getattr(fact, "shift_id", None) == shift_id
