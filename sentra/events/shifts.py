"""What happened to the drawer: shifts and the cash that moved without a sale."""

from __future__ import annotations

import msgspec


class ShiftOpened(msgspec.Struct, frozen=True, gc=False):
    """A cashier took over a drawer holding `opening_float`. The shift gives the business date."""

    shift_id: str
    number: int
    cashier_id: str
    cashier_name: str
    currency: str
    opened_at_ms: int
    business_date: str
    zone: str
    opening_float: int


class TenderCount(msgspec.Struct, frozen=True, gc=False):
    """Expected against counted, for one kind of tender."""

    kind: str
    expected: int
    counted: int


class ShiftClosed(msgspec.Struct, frozen=True, gc=False):
    """A drawer was counted. `difference` is counted minus expected cash and is always posted.

    `sale_count`, the sums and `last_hash` are the till's side of the proof at close: they cover
    the entries of the shift up to, and without, this one.
    """

    shift_id: str
    cashier_id: str
    cashier_name: str
    currency: str
    closed_at_ms: int
    business_date: str
    sale_count: int
    refund_count: int
    void_count: int
    total: int
    rounding: int
    tenders: tuple[TenderCount, ...]
    expected_cash: int
    counted_cash: int
    difference: int
    denominations: tuple[tuple[int, int], ...]
    last_hash: str
    note: str | None = None


class CashMoved(msgspec.Struct, frozen=True, gc=False):
    """Cash went in or out of the drawer without a sale. `amount` is signed: out is negative.

    `kind` is paid_in, paid_out, drop (to the safe) or no_sale (opened, amount 0).
    """

    movement_id: str
    shift_id: str
    kind: str
    amount: int
    currency: str
    cashier_id: str
    cashier_name: str
    moved_at_ms: int
    business_date: str
    reason: str
    approved_by: str | None = None
