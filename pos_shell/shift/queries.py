"""Reads of the shift: which one is open, what it sold, what its drawer should hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentra.domain.counter import Counter
from sentra.domain.drawer import DROP, NO_SALE, PAID_IN, PAID_OUT, ShiftSummary, TenderSum
from sentra.domain.errors import DomainError
from sentra.domain.shift import counter_of
from sentra.events import Person, ShiftOpened, TaxTotal
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity

SHIFTS_SHOWN_MAX: Final = 20
"""Closed shifts in the list: about a week of a busy till."""


class ShiftNotOpen(DomainError):
    """Selling needs a shift, which gives the business date and the drawer."""

    code = "shift-not-open"
    sentence = "No shift is open at this till. Open one first."


@dataclass(frozen=True, slots=True)
class Movement:
    """Cash that moved without a sale; `amount` is signed, in minor units."""

    kind: str
    amount: int
    reason: str
    cashier_name: str
    moved_at_ms: int


@dataclass(frozen=True, slots=True)
class ClosedShift:
    """A counted shift; amounts in minor units."""

    shift_id: str
    number: int
    business_date: str
    opened_at_ms: int
    closed_at_ms: int
    opening_float: int
    cashier_name: str
    closed_by: str
    sale_count: int
    refund_count: int
    void_count: int
    total: int
    rounding: int
    expected_cash: int
    counted_cash: int
    difference: int
    last_hash: str
    currency: str


_OPEN_SHIFT: Final = """
SELECT s.shift_id, s.number, s.cashier_id, s.cashier_name, s.currency, s.opened_at_ms,
       s.business_date, s.opening_float
FROM shift s
WHERE s.branch_id = ? AND s.terminal_id = ? AND NOT EXISTS (
    SELECT 1 FROM shift_close c WHERE c.branch_id = s.branch_id AND c.shift_id = s.shift_id
)
ORDER BY s.number DESC LIMIT 1
"""


def open_shift_of(db: Connection, identity: Identity) -> ShiftOpened | None:
    """The shift that this terminal has open, or None."""
    row = db.execute(_OPEN_SHIFT, (identity.branch_id, identity.device_id)).fetchone()
    if row is None:
        return None
    shift_id, number, cashier_id, cashier_name, currency, opened_at_ms, date, opening_float = row
    return ShiftOpened(
        shift_id,
        number,
        cashier_id,
        cashier_name,
        currency,
        opened_at_ms,
        date,
        identity.zone,
        opening_float,
    )


def next_shift_number(db: Connection, identity: Identity) -> int:
    """1 for the terminal's first shift."""
    row = db.execute(
        "SELECT max(number) FROM shift WHERE branch_id = ? AND terminal_id = ?",
        (identity.branch_id, identity.device_id),
    ).fetchone()
    return int(row[0] or 0) + 1


def counter(db: Connection, identity: Identity, person: Person) -> Counter:
    """The open shift with the person who stands at it.

    Raises:
        ShiftNotOpen: there is none.
    """
    opened = open_shift_of(db, identity)
    if opened is None:
        raise ShiftNotOpen()
    return counter_of(opened, person.id, person.name)


def summary_of(db: Connection, branch_id: str, shift_id: str) -> ShiftSummary:
    """The sums of a shift from its rows: an X report while it is open, a Z once it is closed."""
    key = (branch_id, shift_id)
    opening_float = db.execute(
        "SELECT opening_float FROM shift WHERE branch_id = ? AND shift_id = ?", key
    ).fetchone()[0]
    sums = db.execute(
        "SELECT count(*) FILTER (WHERE kind = 'sale'), count(*) FILTER (WHERE kind = 'refund'),"
        " coalesce(sum(total) FILTER (WHERE kind = 'sale'), 0),"
        " -coalesce(sum(total) FILTER (WHERE kind = 'refund'), 0),"
        " coalesce(sum(goods_total), 0), coalesce(sum(discount_total), 0),"
        " coalesce(sum(tax_total), 0), coalesce(sum(total), 0), coalesce(sum(rounding), 0)"
        " FROM sale WHERE branch_id = ? AND shift_id = ?",
        key,
    ).fetchone()
    voids = db.execute(
        "SELECT count(*) FROM void WHERE branch_id = ? AND shift_id = ?", key
    ).fetchone()[0]
    moved = _moved(db, key)
    tenders, change = _tenders(db, key)
    return ShiftSummary(
        opening_float=opening_float,
        sale_count=sums[0],
        refund_count=sums[1],
        void_count=voids,
        no_sale_count=moved.get(NO_SALE, (0, 0))[0],
        gross_sales=sums[2],
        refunds_total=sums[3],
        goods_total=sums[4],
        discount_total=sums[5],
        tax_total=sums[6],
        total=sums[7],
        rounding=sums[8],
        change_given=change,
        paid_in=moved.get(PAID_IN, (0, 0))[1],
        paid_out=-moved.get(PAID_OUT, (0, 0))[1],
        dropped=-moved.get(DROP, (0, 0))[1],
        tenders=tenders,
        taxes=_taxes(db, key),
    )


def _moved(db: Connection, key: tuple[str, str]) -> dict[str, tuple[int, int]]:
    rows = db.execute(
        "SELECT kind, count(*), sum(amount) FROM cash_movement"
        " WHERE branch_id = ? AND shift_id = ? GROUP BY kind",
        key,
    )
    return {kind: (count, amount) for kind, count, amount in rows}


def _tenders(db: Connection, key: tuple[str, str]) -> tuple[tuple[TenderSum, ...], int]:
    rows = db.execute(
        "SELECT kind, count(*), sum(amount), sum(change_given) FROM tender"
        " WHERE branch_id = ? AND shift_id = ? GROUP BY kind ORDER BY kind",
        key,
    ).fetchall()
    sums = tuple(TenderSum(kind, count, amount) for kind, count, amount, _change in rows)
    return sums, sum(row[3] for row in rows)


def _taxes(db: Connection, key: tuple[str, str]) -> tuple[TaxTotal, ...]:
    rows = db.execute(
        "SELECT t.tax_code, max(t.label), max(t.inclusive), sum(t.base), sum(t.amount)"
        " FROM sale s JOIN sale_tax t ON t.branch_id = s.branch_id AND t.sale_id = s.sale_id"
        " WHERE s.branch_id = ? AND s.shift_id = ? GROUP BY t.tax_code ORDER BY t.tax_code",
        key,
    )
    return tuple(
        TaxTotal(code, label, bool(inclusive), base, amount)
        for code, label, inclusive, base, amount in rows
    )


def movements_of(db: Connection, branch_id: str, shift_id: str) -> Sequence[Movement]:
    """Cash paid in, out and dropped in a shift, and drawers just opened; oldest first."""
    rows = db.execute(
        "SELECT kind, amount, reason, cashier_name, moved_at_ms FROM cash_movement"
        " WHERE branch_id = ? AND shift_id = ? ORDER BY moved_at_ms",
        (branch_id, shift_id),
    )
    return [Movement(*row) for row in rows]


_CLOSED: Final = (
    "SELECT s.shift_id, s.number, s.business_date, s.opened_at_ms, c.closed_at_ms,"
    " s.opening_float, s.cashier_name, c.cashier_name, c.sale_count, c.refund_count, c.void_count,"
    " c.total, c.rounding, c.expected_cash, c.counted_cash, c.difference, c.last_hash, s.currency"
    " FROM shift s JOIN shift_close c ON c.branch_id = s.branch_id AND c.shift_id = s.shift_id"
    " WHERE s.branch_id = ?"
)


def closed_shift(db: Connection, branch_id: str, shift_id: str) -> ClosedShift | None:
    """One counted shift, or None."""
    row = db.execute(f"{_CLOSED} AND s.shift_id = ?", (branch_id, shift_id)).fetchone()
    return None if row is None else ClosedShift(*row)


def closed_shifts(db: Connection, identity: Identity) -> Sequence[ClosedShift]:
    """This terminal's latest counted shifts, newest first."""
    rows = db.execute(
        f"{_CLOSED} AND s.terminal_id = ? ORDER BY s.number DESC LIMIT ?",
        (identity.branch_id, identity.device_id, SHIFTS_SHOWN_MAX),
    )
    return [ClosedShift(*row) for row in rows]
