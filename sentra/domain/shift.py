"""A shift: opened with a counted float, cash in and out of it, closed with a count.

The business date is the day in the branch's zone on which the shift was opened, and stays so past
midnight. The difference at close is always posted, whatever it is. Closing asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sentra.domain.counter import Counter
from sentra.domain.drawer import (
    MOVEMENT_KINDS,
    NO_SALE,
    PAID_IN,
    ShiftSummary,
    count_cash,
)
from sentra.domain.errors import DomainError, ReasonMissing
from sentra.domain.payment import CASH
from sentra.events import CashMoved, ShiftClosed, ShiftOpened, TenderCount
from sentra.instants import local_date
from sentra.money import AMOUNT_MAX


class MovementRefused(DomainError):
    """Cash that cannot go in or out like that."""

    code = "shift-movement"
    sentence = "Enter an amount above zero; for opening the drawer without a sale, none."


class FloatRefused(DomainError):
    """An opening float or a counted sum that cannot be."""

    code = "shift-float"
    sentence = "The cash in a drawer cannot be %(amount)s."
    amounts = ("amount",)


def open_shift(
    *,
    shift_id: str,
    number: int,
    cashier_id: str,
    cashier_name: str,
    currency: str,
    opened_at_ms: int,
    zone: str,
    opening_float: int,
) -> ShiftOpened:
    """Make the fact of a shift that begins; `number` counts the terminal's shifts from 1.

    Raises:
        FloatRefused: the float is negative or absurd.
    """
    if not 0 <= opening_float <= AMOUNT_MAX:
        raise FloatRefused(amount=opening_float)
    return ShiftOpened(
        shift_id=shift_id,
        number=number,
        cashier_id=cashier_id,
        cashier_name=cashier_name,
        currency=currency,
        opened_at_ms=opened_at_ms,
        business_date=local_date(opened_at_ms, zone),
        zone=zone,
        opening_float=opening_float,
    )


def counter_of(opened: ShiftOpened, cashier_id: str, cashier_name: str) -> Counter:
    """The counter of an open shift with the person who is signed in now."""
    return Counter(
        shift_id=opened.shift_id,
        cashier_id=cashier_id,
        cashier_name=cashier_name,
        currency=opened.currency,
        business_date=opened.business_date,
        zone=opened.zone,
    )


def move_cash(
    counter: Counter,
    *,
    movement_id: str,
    kind: str,
    amount: int,
    moved_at_ms: int,
    reason: str,
    approved_by: str | None = None,
) -> CashMoved:
    """Make the fact of cash paid in, paid out, dropped to the safe, or of a drawer just opened.

    `amount` is given positive for each; the fact has it negative where cash leaves the drawer.

    Raises:
        MovementRefused: not above zero, or not zero for `no_sale`, or an unknown kind.
        ReasonMissing: no reason is given.
    """
    fits = amount == 0 if kind == NO_SALE else 0 < amount <= AMOUNT_MAX
    if kind not in MOVEMENT_KINDS or not fits:
        raise MovementRefused()
    if not reason.strip():
        raise ReasonMissing()
    return CashMoved(
        movement_id=movement_id,
        shift_id=counter.shift_id,
        kind=kind,
        amount=amount if kind == PAID_IN else -amount,
        currency=counter.currency,
        cashier_id=counter.cashier_id,
        cashier_name=counter.cashier_name,
        moved_at_ms=moved_at_ms,
        business_date=counter.business_date,
        reason=reason.strip(),
        approved_by=approved_by,
    )


def close_shift(
    counter: Counter,
    summary: ShiftSummary,
    *,
    closed_at_ms: int,
    last_hash: str,
    denominations: Sequence[tuple[int, int]] = (),
    counted_cash: int | None = None,
    counted_others: Mapping[str, int] | None = None,
    note: str | None = None,
) -> ShiftClosed:
    """Make the fact of a drawer that was counted, by pieces or as one sum.

    Tenders other than cash count as expected unless `counted_others` says otherwise.

    Raises:
        CountRefused, FloatRefused: the count cannot be.
    """
    cash = counted_cash if counted_cash is not None else count_cash(denominations)
    if not 0 <= cash <= AMOUNT_MAX:
        raise FloatRefused(amount=cash)
    return ShiftClosed(
        shift_id=counter.shift_id,
        cashier_id=counter.cashier_id,
        cashier_name=counter.cashier_name,
        currency=counter.currency,
        closed_at_ms=closed_at_ms,
        business_date=counter.business_date,
        sale_count=summary.sale_count,
        refund_count=summary.refund_count,
        void_count=summary.void_count,
        total=summary.total,
        rounding=summary.rounding,
        tenders=_tender_counts(summary, cash, counted_others or {}),
        expected_cash=summary.expected_cash,
        counted_cash=cash,
        difference=cash - summary.expected_cash,
        denominations=tuple((value, count) for value, count in denominations if count),
        last_hash=last_hash,
        note=note,
    )


def _tender_counts(
    summary: ShiftSummary, counted_cash: int, counted_others: Mapping[str, int]
) -> tuple[TenderCount, ...]:
    """Cash as the drawer should hold and holds it, then the others in alphabetical order."""
    expected = {tender.kind: tender.amount for tender in summary.tenders if tender.kind != CASH}
    kinds = sorted({*expected, *counted_others} - {CASH})
    others = (
        TenderCount(kind, expected.get(kind, 0), counted_others.get(kind, expected.get(kind, 0)))
        for kind in kinds
    )
    return (TenderCount(CASH, summary.expected_cash, counted_cash), *others)
