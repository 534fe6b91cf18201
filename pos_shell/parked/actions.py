"""Putting the open cart on hold, and taking it up again."""

from __future__ import annotations

from typing import Final

from pos_shell.parked.store import Parked, keep_parked, load_parked
from pos_shell.sale.store import keep_cart, load_cart
from pos_shell.till import Till
from sentra.domain.cart import Cart
from sentra.domain.checkout import CartEmpty
from sentra.domain.errors import DomainError
from sentra.events import Person

PARKED_MAX: Final = 50
"""Carts on hold at one till; more means that they are forgotten, not waiting."""

LABEL_LENGTH_MAX: Final = 60


class TooManyParked(DomainError):
    """No room for another cart on hold."""

    code = "parked-full"
    sentence = "%(most)s carts are on hold already. Take payment for some or void them first."


class ParkedMissing(DomainError):
    """A cart on hold that somebody has taken up meanwhile."""

    code = "parked-missing"
    sentence = "This cart is no longer on hold."


def hold_cart(till: Till, person: Person, label: str = "") -> Parked:
    """Put the open cart on hold under a label.

    Raises:
        CartEmpty, TooManyParked: as they say.
    """
    with till.book() as book:
        cart = load_cart(book.db)
        if cart is None or cart.is_empty:
            raise CartEmpty()
        waiting = load_parked(book.db)
        if len(waiting) >= PARKED_MAX:
            raise TooManyParked(most=PARKED_MAX)
        parked = Parked(cart, book.now_ms, person.name, label.strip()[:LABEL_LENGTH_MAX])
        keep_parked(book.db, [*waiting, parked])
        keep_cart(book.db, None)
        return parked


def resume_cart(till: Till, person: Person, sale_id: str) -> Cart:
    """Take a cart up again; an open one with goods in it goes on hold in its place.

    Raises:
        ParkedMissing: it is not on hold any more.
    """
    with till.book() as book:
        waiting = load_parked(book.db)
        wanted = next((parked for parked in waiting if parked.cart.sale_id == sale_id), None)
        if wanted is None:
            raise ParkedMissing()
        rest = [parked for parked in waiting if parked is not wanted]
        present = load_cart(book.db)
        if present is not None and not present.is_empty:
            rest.append(Parked(present, book.now_ms, person.name, ""))
        keep_parked(book.db, rest)
        keep_cart(book.db, wanted.cart)
        till.desk.selected = None
        return wanted.cart
