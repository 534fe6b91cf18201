"""Putting the open cart on hold, and taking one up, of this till or of another of the branch."""

from __future__ import annotations

from typing import Final

import msgspec

from pos_shell.branch import ask_router
from pos_shell.payment.store import load_offers
from pos_shell.sale.queries import rates_at
from pos_shell.sale.store import keep_approval, keep_cart, load_approval, load_cart
from pos_shell.till import Book, Till
from sentra.domain.cart import Cart
from sentra.domain.checkout import CartEmpty
from sentra.domain.errors import DomainError
from sentra.domain.totals import total_up
from sentra.events import Person
from sentra.ids import uuid7
from sentra.protocol.branch import ORDER_CLAIM, ClaimedOrder, Offer, OrderWord
from sentra.vault import sharing
from sentra.vault.sharing import Parked, keep_parked, load_parked

PARKED_MAX: Final = 50
"""Carts on hold at one till; more means that they are forgotten, not waiting."""

LABEL_LENGTH_MAX: Final = 60
_ID_TIME_BYTES: Final = 6


class TooManyParked(DomainError):
    """No room for another cart on hold."""

    code = "parked-full"
    sentence = "%(most)s carts are on hold already. Take payment for some or void them first."


class ParkedMissing(DomainError):
    """A cart on hold that somebody has taken up meanwhile."""

    code = "parked-missing"
    sentence = "This cart is no longer on hold."


class ParkedElsewhere(DomainError):
    """A cart on hold that another till of the branch has taken up."""

    code = "parked-elsewhere"
    sentence = "This cart was taken up at another till of the branch."


class RouterSilent(DomainError):
    """A cart of another till can be had from the router alone, and that does not answer."""

    code = "parked-router-silent"
    sentence = (
        "The router does not answer, so the cart stays where it was put on hold. Try again, or "
        "take it up at that till."
    )
    retry = True


def hold_cart(till: Till, person: Person, label: str = "") -> Parked:
    """Put the open cart on hold under a label; a till that hears a router offers it to the branch.

    Raises:
        CartEmpty, TooManyParked: as they say.
    """
    with till.book() as book:
        cart = load_cart(book.db)
        if cart is None or cart.is_empty:
            raise CartEmpty()
        waiting = _still_here(book)
        if len(waiting) >= PARKED_MAX:
            raise TooManyParked(most=PARKED_MAX)
        parked = _parked(book, person, cart, label)
        keep_parked(book.db, [*waiting, parked])
        keep_cart(book.db, None)
        return parked


def resume_cart(till: Till, person: Person, sale_id: str) -> Cart:
    """Take a cart up, from here or from another till of the branch; an open one with goods in it
    goes on hold in its place.

    The router gives each cart to one till alone. While it is away a till goes on with its own; if
    another had taken the cart up by then, both sales bear its id, and the cloud shows that.

    Raises:
        ParkedMissing, ParkedElsewhere, RouterSilent: as they say.
    """
    parking_id, is_here = _find(till, sale_id)
    offer = _claim(till, parking_id, is_here=is_here) if parking_id else None
    with till.book() as book:
        waiting = _still_here(book)
        wanted = next((one for one in waiting if one.cart.sale_id == sale_id), None)
        if wanted is None and offer is None:
            raise ParkedMissing()
        cart = wanted.cart if wanted else msgspec.json.decode(_some(offer).cart, type=Cart)
        approved_by = wanted.approved_by if wanted else _some(offer).approved_by
        rest = [parked for parked in waiting if parked is not wanted]
        present = load_cart(book.db)
        if present is not None and not present.is_empty:
            rest.append(_parked(book, person, present, ""))
        keep_parked(book.db, rest)
        keep_cart(book.db, cart)
        if approved_by is not None:
            keep_approval(book.db, cart.sale_id, approved_by)
        if parking_id:
            sharing.note_taken(book.db, parking_id)
        till.desk.selected = None
        return cart


def _some(offer: Offer | None) -> Offer:
    assert offer is not None  # noqa: S101 - a cart that is not here came with its offer
    return offer


def _parked(book: Book, person: Person, cart: Cart, label: str) -> Parked:
    totals = total_up(cart, rates_at(book.db, book.identity, book.now_ms))
    # What was charged for it already is known here alone: such a cart stays at this till.
    shared = not load_offers(book.db, cart.sale_id)
    # Of this moment and this sale, so that the same parking never has two names.
    own = bytes.fromhex(cart.sale_id.replace("-", ""))[_ID_TIME_BYTES:]
    return Parked(
        cart,
        book.now_ms,
        person.name,
        label.strip()[:LABEL_LENGTH_MAX],
        parking_id=uuid7(book.now_ms, own) if shared else "",
        total=totals.total,
        approved_by=load_approval(book.db, cart.sale_id),
    )


def _still_here(book: Book) -> list[Parked]:
    """The carts on hold here, without those that another till has taken up."""
    gone = sharing.gone(book.db, book.identity.device_id)
    return [one for one in load_parked(book.db) if one.parking_id not in gone]


def _find(till: Till, sale_id: str) -> tuple[str, bool]:
    """(parking id, whether it is held here). Raises ParkedMissing, ParkedElsewhere."""
    with till.vault.reader() as db:
        gone = sharing.gone(db, till.identity.device_id)
        for own in load_parked(db):
            if own.cart.sale_id == sale_id:
                if own.parking_id in gone:
                    raise ParkedElsewhere()
                return own.parking_id, True
        for other in sharing.elsewhere(db):
            if other.sale_id == sale_id:
                return other.parking_id, False
    raise ParkedMissing()


def _claim(till: Till, parking_id: str, *, is_here: bool) -> Offer | None:
    """The cart as the router gives it to this till alone; None: this till goes on with its own."""
    said = ask_router(till, ORDER_CLAIM, OrderWord(parking_id=parking_id))
    if said is not None and said.problem is None:
        claimed = msgspec.json.decode(said.body, type=ClaimedOrder)
        return msgspec.json.decode(claimed.offer, type=Offer)
    if said is not None and said.problem == "order-taken":
        raise ParkedElsewhere()
    if is_here:
        return None
    if said is None:
        raise RouterSilent()
    raise ParkedMissing()
