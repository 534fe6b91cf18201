"""The one verb that makes a sale: committed first, shown as paid afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pos_shell.payment.store import keep_offers, load_offers
from pos_shell.receipt.numbers import take_number
from pos_shell.sale.queries import rates_at
from pos_shell.sale.store import keep_cart, load_approval, load_cart
from pos_shell.shift.queries import counter
from pos_shell.till import Book, Till
from sentra.domain.cart import Cart
from sentra.domain.checkout import complete_sale as completed
from sentra.domain.errors import DomainError
from sentra.domain.payment import Offer, TooMuchWithoutCash, settle
from sentra.domain.rounding import NO_ROUNDING, rounding_of
from sentra.domain.totals import total_up
from sentra.events import Person, SaleCompleted
from sentra.vault import catalogue
from sentra.vault.driver import Connection


class CartGone(DomainError):
    """A payment for a cart that is not open any more, and was not paid either."""

    code = "payment-cart-gone"
    sentence = (
        "This cart is no longer open: it was voided or put on hold. Nothing was charged here."
    )


class TotalMoved(DomainError):
    """The cart was changed in another window after the payment was worked out."""

    code = "payment-total-moved"
    sentence = "The cart has changed while the payment was taken. Check the total and pay again."


def complete_sale(
    till: Till,
    person: Person,
    sale_id: str,
    cash: Sequence[Offer] = (),
    *,
    expected_total: int | None = None,
) -> str:
    """Settle the open cart and record the sale; returns the sale's id.

    What was taken before by `take_offer` is settled with `cash`, the offers made now.

    Fact, rows, journal entry, receipt number and the cleared cart are one transaction. A second
    call with the same id answers the same and records nothing. `expected_total` is what the
    cashier saw, in minor units.

    Raises:
        CartGone, TotalMoved, ShiftNotOpen, NotEnough, TooMuchWithoutCash, …
    """
    with till.book() as book:
        cart = load_cart(book.db)
        if cart is None or cart.sale_id != sale_id:
            if is_recorded(book.db, book.identity.branch_id, sale_id):
                return sale_id
            raise CartGone()
        rates = rates_at(book.db, book.identity, book.now_ms)
        if expected_total is not None and expected_total != total_up(cart, rates).total:
            raise TotalMoved()
        approved_by = load_approval(book.db, sale_id)
        offers = [*load_offers(book.db, sale_id), *cash]
        if is_recorded(book.db, book.identity.branch_id, sale_id):
            # An old copy of this till was put back with a cart that had been paid since. Whatever
            # is in it now and is paid for is another sale.
            cart = replace(cart, sale_id=till.new_id())
        record_sale(book, person, cart, lambda _total: offers, approved_by=approved_by)
        keep_offers(book.db, sale_id, ())
        keep_cart(book.db, None)
    return cart.sale_id


def take_offer(till: Till, sale_id: str, offer: Offer) -> bool:
    """Note a tender other than cash that was charged; whether the sale is covered by now.

    Raises:
        CartGone, TooMuchWithoutCash, OfferRefused: as they say.
    """
    with till.book() as book:
        cart = load_cart(book.db)
        if cart is None or cart.sale_id != sale_id:
            raise CartGone()
        total = total_up(cart, rates_at(book.db, book.identity, book.now_ms)).total
        offers = [*load_offers(book.db, sale_id), offer]
        covered = abs(sum(one.amount for one in offers))
        if covered > abs(total):
            raise TooMuchWithoutCash(excess=covered - abs(total))
        if covered == abs(total):
            settle(total, offers, NO_ROUNDING)
        keep_offers(book.db, sale_id, offers)
        return covered == abs(total)


def drop_offer(till: Till, sale_id: str, place: int) -> None:
    """Take back a tender that was noted by mistake; `place` counts from 0."""
    with till.book() as book:
        offers = load_offers(book.db, sale_id)
        keep_offers(book.db, sale_id, [one for n, one in enumerate(offers) if n != place])


def record_sale(
    book: Book,
    person: Person,
    cart: Cart,
    offers_for: Callable[[int], Sequence[Offer]],
    *,
    approved_by: str | None = None,
) -> SaleCompleted:
    """Settle a cart with what is offered for its total and record the sale, in a transaction.

    Raises:
        ShiftNotOpen, CartEmpty, NotEnough, TooMuchWithoutCash, …
    """
    at = counter(book.db, book.identity, person)
    totals = total_up(cart, rates_at(book.db, book.identity, book.now_ms))
    rule = rounding_of(catalogue.branch(book.db))
    settlement = settle(totals.total, offers_for(totals.total), rule)
    sale = completed(
        cart,
        totals,
        settlement,
        at,
        receipt_number=take_number(book, at.business_date),
        completed_at_ms=book.now_ms,
        approved_by=approved_by,
    )
    book.record(sale)
    return sale


def is_recorded(db: Connection, branch_id: str, sale_id: str) -> bool:
    """Whether a sale of this id is in the books."""
    row = db.execute(
        "SELECT 1 FROM sale WHERE branch_id = ? AND sale_id = ?", (branch_id, sale_id)
    ).fetchone()
    return row is not None
