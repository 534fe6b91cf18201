"""Verbs of the open cart. Each is one transaction: a power cut leaves the cart before or after it.

The cart's id is minted when its first line goes in and becomes the sale's: nothing that happens
twice can make two sales of it. A cart keeps the prices that it was opened with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pos_shell.receipt.numbers import take_number
from pos_shell.sale.queries import open_item_tax, rates_at, refreshed
from pos_shell.sale.store import keep_approval, keep_cart, load_cart
from pos_shell.shift.queries import counter
from pos_shell.till import Book, Till
from sentra import i18n
from sentra.domain import cart as rules
from sentra.domain.cart import ONE, Cart
from sentra.domain.checkout import CartEmpty, void_sale
from sentra.domain.discount import Discount
from sentra.domain.errors import ApprovalNeeded, DomainError
from sentra.domain.totals import total_up
from sentra.events import Person, Product, SaleVoided
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue


class CartTaken(DomainError):
    """Goods of somebody else are in the cart."""

    code = "sale-cart-open"
    sentence = "There are goods in the cart. Take payment or void the cart first."


class ProductUnknown(DomainError):
    """A code that the catalogue does not have."""

    code = "sale-product-unknown"
    sentence = "Nothing has the code “%(code)s”. Search by name, or sell it as an open item."


def open_cart(till: Till, book: Book) -> Cart:
    """The open cart, or a new one at this moment's prices.

    Raises:
        VaultFull: the disk is so full that no sale may be started.
    """
    kept = load_cart(book.db)
    if kept is not None and not kept.is_empty:
        return kept
    till.vault.require_room()
    identity = book.identity
    revision = catalogue.cursor(book.db, COMPANY)
    return rules.open_cart(
        till.new_id(), identity.branch_id, identity.currency, book.now_ms, revision
    )


def add_product(
    till: Till,
    person: Person,
    product_id: str,
    quantity_milli: int = ONE,
    *,
    approved_by: str | None = None,
) -> Cart:
    """Put a product in. A negative quantity (a return without its sale) needs an approval.

    Raises:
        ShiftNotOpen, ProductUnknown, ApprovalNeeded, PriceMissing, CartFull, VaultFull, …
    """
    with till.book() as book:
        product = catalogue.product(book.db, product_id)
        if product is None or not product.active:
            raise ProductUnknown(code=product_id)
        return _added(till, book, person, product, quantity_milli, approved_by)


def scan(till: Till, person: Person, code: str, quantity_milli: int = ONE) -> Cart:
    """Put in what a barcode or a product's code stands for.

    Raises:
        ShiftNotOpen, ProductUnknown, PriceMissing, CartFull, VaultFull, …
    """
    with till.book() as book:
        product = catalogue.by_scan(book.db, code)
        if product is None:
            raise ProductUnknown(code=code)
        return _added(till, book, person, product, quantity_milli, None)


def _added(
    till: Till,
    book: Book,
    person: Person,
    product: Product,
    quantity_milli: int,
    approved_by: str | None,
) -> Cart:
    counter(book.db, book.identity, person)
    _check_direction(quantity_milli, approved_by)
    before = open_cart(till, book)
    cart = rules.add_product(before, product, quantity_milli)
    return _kept(till, book, before, cart, approved_by)


def add_open_item(
    till: Till,
    person: Person,
    name: str,
    unit_price: int,
    quantity_milli: int = ONE,
    *,
    approved_by: str | None = None,
) -> Cart:
    """Put in something that the catalogue does not have, at a price in minor units.

    Raises:
        ShiftNotOpen, ApprovalNeeded, QuantityRefused, PriceRefused, CartFull, VaultFull, …
    """
    with till.book() as book:
        counter(book.db, book.identity, person)
        _check_direction(quantity_milli, approved_by)
        tax_code = open_item_tax(rates_at(book.db, book.identity, book.now_ms))
        before = open_cart(till, book)
        cart = rules.add_open_item(before, name, unit_price, tax_code, quantity_milli)
        return _kept(till, book, before, cart, approved_by)


def _kept(till: Till, book: Book, before: Cart, cart: Cart, approved_by: str | None) -> Cart:
    till.desk.selected = _touched(before, cart)
    keep_cart(book.db, cart)
    if approved_by is not None:
        keep_approval(book.db, cart.sale_id, approved_by)
    return cart


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line at a price of its own (minor units), of whatever the catalogue has under its code."""

    code: str
    name: str
    quantity_milli: int
    unit_price: int


def fill_cart(
    till: Till, book: Book, person: Person, lines: Sequence[OwnLine], ticket: str
) -> Cart:
    """A cart of its own with many lines at once, for whoever completes it in the same transaction.

    What the catalogue has is sold under its name and tax, anything else as an open item. `ticket`
    is another till's number for the sale.

    Raises:
        CartTaken: somebody's cart is open. ShiftNotOpen, PriceRefused, CartFull, VaultFull.
    """
    counter(book.db, book.identity, person)
    present = load_cart(book.db)
    if present is not None and not present.is_empty:
        raise CartTaken()
    tax_code = open_item_tax(rates_at(book.db, book.identity, book.now_ms))
    cart = replace(open_cart(till, book), ticket=ticket)
    for line in lines:
        cart = _with_own_line(book, cart, line, tax_code)
    return cart


def _with_own_line(book: Book, cart: Cart, line: OwnLine, tax_code: str) -> Cart:
    product = catalogue.by_scan(book.db, line.code) if line.code else None
    if product is not None:
        return rules.add_product(cart, product, line.quantity_milli, unit_price=line.unit_price)
    name = line.name or line.code or i18n.say("Item")
    return rules.add_open_item(
        cart, name, line.unit_price, tax_code, line.quantity_milli, code=line.code
    )


def _check_direction(quantity_milli: int, approved_by: str | None) -> None:
    if quantity_milli < 0 and approved_by is None:
        raise ApprovalNeeded()


def _touched(before: Cart, after: Cart) -> int:
    """The number of the line that an addition made or changed."""
    known = {line.number: line for line in before.lines}
    changed = [line.number for line in after.lines if known.get(line.number) != line]
    return changed[-1] if changed else after.lines[-1].number


def _change(till: Till, change: Callable[[Cart], Cart]) -> Cart:
    """Change the open cart in one transaction.

    Raises:
        CartEmpty: there is none.
    """
    with till.book() as book:
        changed = change(_present(book))
        keep_cart(book.db, None if changed.is_empty else changed)
        return changed


def _present(book: Book) -> Cart:
    cart = load_cart(book.db)
    if cart is None:
        raise CartEmpty()
    return cart


@dataclass(frozen=True, slots=True)
class LineChange:
    """What a line is to become; an unchanged price stays the catalogue's."""

    quantity_milli: int
    unit_price: int
    discount: Discount | None
    note: str


def change_line(
    till: Till, number: int, change: LineChange, *, approved_by: str | None = None
) -> Cart:
    """Change a line as a whole; a quantity of zero takes it out.

    Raises:
        CartEmpty, LineMissing, QuantityRefused, PriceRefused, DiscountTooLarge, TextTooLong.
        ApprovalNeeded: a line that was sold is to be a return.
    """
    if change.quantity_milli == 0:
        return remove_line(till, number)
    with till.book() as book:
        before = _present(book)
        line = rules.line_of(before, number)
        if line.quantity_milli > 0:
            _check_direction(change.quantity_milli, approved_by)
        cart = rules.discount_line(before, number, None)
        if change.unit_price != line.unit_price:
            cart = rules.set_unit_price(cart, number, change.unit_price)
        cart = rules.set_quantity(cart, number, change.quantity_milli)
        cart = rules.discount_line(cart, number, change.discount)
        cart = rules.note_line(cart, number, change.note)
        return _kept(till, book, before, cart, approved_by)


def step_quantity(till: Till, number: int, pieces: int) -> Cart:
    """One more (1) or one less (-1) of a line; the last piece takes the line out.

    Raises:
        CartEmpty, LineMissing, QuantityRefused: as they say.
    """

    def stepped(cart: Cart) -> Cart:
        line = rules.line_of(cart, number)
        size = abs(line.quantity_milli) + pieces * ONE
        if size <= 0:
            return rules.remove_line(cart, number)
        return rules.set_quantity(cart, number, size if line.quantity_milli > 0 else -size)

    till.desk.selected = number
    return _change(till, stepped)


def remove_line(till: Till, number: int) -> Cart:
    """Take a line out of the cart.

    Raises:
        CartEmpty, LineMissing: as they say.
    """
    return _change(till, lambda cart: rules.remove_line(cart, number))


def discount_all(till: Till, discount: Discount | None) -> Cart:
    """Give the whole cart a discount, or take it away with None.

    Raises:
        CartEmpty, DiscountTooLarge: as they say.
    """
    return _change(till, lambda cart: rules.discount_cart(cart, discount))


def note_cart(till: Till, note: str) -> Cart:
    """Write a note on the sale; an empty one takes it away.

    Raises:
        CartEmpty, TextTooLong: as they say.
    """
    return _change(till, lambda cart: rules.note_cart(cart, note))


def refresh_prices(till: Till) -> Cart:
    """Take this moment's prices, where no person had set one.

    Raises:
        CartEmpty: there is no cart.
    """
    with till.book() as book:
        renewed = refreshed(book.db, _present(book), book.now_ms)
        keep_cart(book.db, renewed)
        return renewed


def void_cart(
    till: Till, person: Person, reason: str, *, approved_by: str | None = None
) -> SaleVoided:
    """Give the cart up. The fact burns a receipt number and says why.

    Raises:
        CartEmpty, ShiftNotOpen, ReasonMissing, ApprovalNeeded: as they say.
    """
    with till.book() as book:
        cart = load_cart(book.db)
        if cart is None or cart.is_empty:
            raise CartEmpty()
        at = counter(book.db, book.identity, person)
        voided = void_sale(
            cart,
            total_up(cart, rates_at(book.db, book.identity, book.now_ms)),
            at,
            receipt_number=take_number(book, at.business_date),
            voided_at_ms=book.now_ms,
            reason=reason,
            void_limit=catalogue.branch(book.db).void_limit,
            approved_by=approved_by,
        )
        book.record(voided)
        keep_cart(book.db, None)
        return voided
