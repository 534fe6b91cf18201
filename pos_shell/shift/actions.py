"""Verbs of the shift. Each is one transaction that appends one fact to the journal."""

from __future__ import annotations

from collections.abc import Sequence

from pos_shell.sale.store import load_cart
from pos_shell.shift.queries import counter, next_shift_number, open_shift_of, summary_of
from pos_shell.till import Till
from sentra.domain import shift as rules
from sentra.domain.errors import DomainError
from sentra.events import CashMoved, Person, ShiftClosed, ShiftOpened
from sentra.vault import journal


class ShiftAlreadyOpen(DomainError):
    """One drawer, one shift."""

    code = "shift-already-open"
    sentence = "A shift is open at this till already. Close it first."


class CartStillOpen(DomainError):
    """Goods in a cart belong to the shift in which they are paid or given up."""

    code = "shift-cart-open"
    sentence = "There are goods in the cart. Take payment or void the cart, then close the shift."


def open_shift(till: Till, person: Person, opening_float: int) -> ShiftOpened:
    """Begin a shift with a counted float in minor units; it gives the business date.

    Raises:
        ShiftAlreadyOpen, FloatRefused: as they say.
    """
    with till.book() as book:
        if open_shift_of(book.db, book.identity) is not None:
            raise ShiftAlreadyOpen()
        opened = rules.open_shift(
            shift_id=till.new_id(),
            number=next_shift_number(book.db, book.identity),
            cashier_id=person.id,
            cashier_name=person.name,
            currency=book.identity.currency,
            opened_at_ms=book.now_ms,
            zone=book.identity.zone,
            opening_float=opening_float,
        )
        book.record(opened)
    return opened


def move_cash(
    till: Till,
    person: Person,
    *,
    kind: str,
    amount: int,
    reason: str,
    approved_by: str | None = None,
) -> CashMoved:
    """Pay cash in or out, drop it to the safe, or note that the drawer was opened (amount 0).

    Raises:
        ShiftNotOpen, MovementRefused, ReasonMissing: as they say.
    """
    with till.book() as book:
        moved = rules.move_cash(
            counter(book.db, book.identity, person),
            movement_id=till.new_id(),
            kind=kind,
            amount=amount,
            moved_at_ms=book.now_ms,
            reason=reason,
            approved_by=approved_by,
        )
        book.record(moved)
    return moved


def close_shift(
    till: Till,
    person: Person,
    *,
    denominations: Sequence[tuple[int, int]] = (),
    counted_cash: int | None = None,
    note: str | None = None,
) -> ShiftClosed:
    """Count the drawer, by pieces or as one sum, and post the difference, whatever it is.

    Raises:
        ShiftNotOpen, CartStillOpen, CountRefused, FloatRefused: as they say.
    """
    with till.book() as book:
        at = counter(book.db, book.identity, person)
        cart = load_cart(book.db)
        if cart is not None and not cart.is_empty:
            raise CartStillOpen()
        closed = rules.close_shift(
            at,
            summary_of(book.db, book.identity.branch_id, at.shift_id),
            closed_at_ms=book.now_ms,
            last_hash=journal.head(book.db).hash.hex(),
            denominations=denominations,
            counted_cash=counted_cash,
            note=note,
        )
        book.record(closed)
    return closed
