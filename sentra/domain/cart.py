"""The cart: what a customer is about to buy, and the verbs that change it.

A verb takes a cart and returns another; a refusal leaves the old one as it was. The cart keeps
the prices and the feed revision that it was opened with until `refresh_prices` is asked for, so a
price that changes while someone queues never changes under their eyes. A negative quantity is a
return without its first sale at hand. Amounts are worked out by `totals`.

A cart is plain data (no unions, no methods that matter), so that the vault can keep an open one
through a power cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sentra.domain.discount import (
    Discount,
    DiscountTooLarge,
    check_line_discount,
    discountable,
    line_discount,
)
from sentra.domain.errors import DomainError
from sentra.domain.price import find_price, price_at
from sentra.events import Product
from sentra.money import multiply

LINES_MAX: Final = 500
"""Lines in one cart: a receipt of some ten metres, and a sale entry of about 100 KiB."""

LINE_QUANTITY_MILLI_MAX: Final = 100_000_000
"""A hundred thousand pieces on one line; more is a barcode scanned into the quantity field."""

UNIT_PRICE_MAX: Final = 10**12
"""A trillion minor units for one piece; far above any shop, far below `AMOUNT_MAX`."""

LINE_AMOUNT_MAX: Final = 10**12
"""So that a full cart still adds up below `AMOUNT_MAX`."""

NAME_LENGTH_MAX: Final = 300
NOTE_LENGTH_MAX: Final = 500
"""Characters; what a receipt can show and a person will read."""

ONE: Final = 1000
"""One piece, in thousandths."""


class CartError(DomainError):
    """The family: a change that the cart does not take."""

    code = "cart"


class CartFull(CartError):
    """More lines than one receipt takes."""

    code = "cart-full"
    sentence = "One sale takes %(lines)s lines at most. Take payment for these, then begin another."


class LineMissing(CartError):
    """A line that is not, or no longer, in the cart."""

    code = "cart-line-missing"
    sentence = "That line is no longer in the cart."


class QuantityRefused(CartError):
    """A quantity of zero or beyond the limit."""

    code = "cart-quantity"
    sentence = "A quantity must be between %(smallest)s and %(largest)s, and not zero."


class PriceRefused(CartError):
    """A unit price below zero or beyond the limit, or a line that gets too large."""

    code = "cart-price"
    sentence = (
        "A price must be between 0 and %(largest)s. For a return, make the quantity negative."
    )
    amounts = ("largest",)


class TextTooLong(CartError):
    """A name or a note that no receipt can show."""

    code = "cart-text-too-long"
    sentence = "The text is too long: %(longest)s characters at most."


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line. `number` is its own in this cart and is never used again in it.

    `product_id` is None for an open item. `price_overridden` says that a person set the price.
    """

    number: int
    product_id: str | None
    code: str
    name: str
    unit: str
    quantity_milli: int
    unit_price: int
    tax_code: str
    weighed: bool = False
    price_overridden: bool = False
    discount: Discount | None = None
    promotion: str | None = None
    note: str | None = None

    @property
    def gross(self) -> int:
        """Unit price × quantity before any discount, halves away from zero."""
        return multiply(self.unit_price, self.quantity_milli)


@dataclass(frozen=True, slots=True)
class Cart:
    """An open sale. Its id becomes the sale's, so no retry can make two sales of one cart."""

    sale_id: str
    branch_id: str
    currency: str
    opened_at_ms: int
    priced_at_ms: int
    feed_revision: int = 0
    lines: tuple[CartLine, ...] = ()
    next_number: int = 1
    discount: Discount | None = None
    note: str | None = None
    customer_id: str | None = None
    ticket: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.lines


def open_cart(
    sale_id: str, branch_id: str, currency: str, opened_at_ms: int, feed_revision: int = 0
) -> Cart:
    """An empty cart, whose prices are those of this instant and this revision of the feed."""
    return Cart(sale_id, branch_id, currency, opened_at_ms, opened_at_ms, feed_revision)


def line_of(cart: Cart, number: int) -> CartLine:
    """The line of that number.

    Raises:
        LineMissing: it is not in the cart.
    """
    for line in cart.lines:
        if line.number == number:
            return line
    raise LineMissing()


# --- Adding -------------------------------------------------------------------------------------


def add_product(
    cart: Cart,
    product: Product,
    quantity_milli: int = ONE,
    *,
    unit_price: int | None = None,
    merge: bool = True,
) -> Cart:
    """Put a product in, at its price of the cart's instant or at a price of the cashier's own.

    A second scan joins the line of the same product if that line is plain: not weighed, no price
    of its own, no discount, no note, the same direction. It keeps the price of the first scan.

    Raises:
        PriceMissing, QuantityRefused, PriceRefused, CartFull: as they say.
    """
    _check_quantity(quantity_milli)
    if unit_price is None and merge:
        for line in cart.lines:
            if _takes_more(line, product, quantity_milli):
                return set_quantity(cart, line.number, line.quantity_milli + quantity_milli)
    known = (
        price_at(product, cart.branch_id, cart.priced_at_ms) if unit_price is None else unit_price
    )
    line = CartLine(
        number=cart.next_number,
        product_id=product.id,
        code=product.code,
        name=product.name,
        unit=product.unit,
        quantity_milli=quantity_milli,
        unit_price=known,
        tax_code=product.tax_code,
        weighed=product.weighed,
        price_overridden=unit_price is not None,
    )
    return _with_line(cart, line)


def add_open_item(
    cart: Cart,
    name: str,
    unit_price: int,
    tax_code: str,
    quantity_milli: int = ONE,
    *,
    code: str = "",
    unit: str = "",
) -> Cart:
    """Put in something that the catalogue does not have; without a name its code stands for it.

    Raises:
        QuantityRefused, PriceRefused, TextTooLong, CartFull: as they say.
    """
    _check_quantity(quantity_milli)
    line = CartLine(
        number=cart.next_number,
        product_id=None,
        code=code.strip(),
        name=name.strip() or code.strip() or "–",
        unit=unit,
        quantity_milli=quantity_milli,
        unit_price=unit_price,
        tax_code=tax_code,
        price_overridden=True,
    )
    return _with_line(cart, line)


def _takes_more(line: CartLine, product: Product, quantity_milli: int) -> bool:
    plain = not (line.weighed or line.price_overridden or line.discount or line.note)
    same_direction = (line.quantity_milli > 0) == (quantity_milli > 0)
    return plain and same_direction and line.product_id == product.id and not product.weighed


def _with_line(cart: Cart, line: CartLine) -> Cart:
    if len(cart.lines) >= LINES_MAX:
        raise CartFull(lines=LINES_MAX)
    _check_line(line)
    return replace(cart, lines=(*cart.lines, line), next_number=cart.next_number + 1)


# --- Changing -----------------------------------------------------------------------------------


def set_quantity(cart: Cart, number: int, quantity_milli: int) -> Cart:
    """Change how many; a discount as an amount is dropped when it no longer fits.

    Raises:
        LineMissing, QuantityRefused, PriceRefused: as they say.
    """
    _check_quantity(quantity_milli)
    line = replace(line_of(cart, number), quantity_milli=quantity_milli)
    return _with_changed(cart, _with_fitting_discount(line))


def set_unit_price(cart: Cart, number: int, unit_price: int) -> Cart:
    """Give one line a price of the cashier's own, in minor units.

    Raises:
        LineMissing, PriceRefused: as they say.
    """
    line = replace(line_of(cart, number), unit_price=unit_price, price_overridden=True)
    return _with_changed(cart, _with_fitting_discount(line))


def discount_line(cart: Cart, number: int, discount: Discount | None) -> Cart:
    """Give one line a discount, replace it, or take it away with None.

    Raises:
        LineMissing, DiscountTooLarge: as they say.
    """
    line = line_of(cart, number)
    if discount is not None:
        check_line_discount(discount, line.gross)
    return _with_changed(cart, replace(line, discount=discount))


def note_line(cart: Cart, number: int, note: str) -> Cart:
    """Write a note on a line; an empty one takes it away.

    Raises:
        LineMissing, TextTooLong: as they say.
    """
    return _with_changed(cart, replace(line_of(cart, number), note=note.strip() or None))


def remove_line(cart: Cart, number: int) -> Cart:
    """Take a line out.

    Raises:
        LineMissing: it is not in the cart.
    """
    line_of(cart, number)
    return replace(cart, lines=tuple(line for line in cart.lines if line.number != number))


def note_cart(cart: Cart, note: str) -> Cart:
    """Write a note on the whole sale; an empty one takes it away.

    Raises:
        TextTooLong: it is longer than a receipt shows.
    """
    _check_text(note, NOTE_LENGTH_MAX)
    return replace(cart, note=note.strip() or None)


def discount_cart(cart: Cart, discount: Discount | None) -> Cart:
    """Give the whole cart a discount, replace it, or take it away with None.

    When lines leave the cart later, a discount as an amount takes no more than what is left.

    Raises:
        DiscountTooLarge: the amount is more than the goods come to now.
    """
    if discount is not None:
        net = [line.gross - line_discount(line.discount, line.gross) for line in cart.lines]
        if discount.amount > abs(discountable(net)):
            raise DiscountTooLarge()
    return replace(cart, discount=discount)


def refresh_prices(
    cart: Cart, products: Mapping[str, Product], at_ms: int, feed_revision: int
) -> Cart:
    """Take the prices of another instant and revision, where no person had set one.

    A product that has gone or has no price any more keeps the price that it had.
    """
    return replace(
        cart,
        lines=tuple(_repriced(line, products, cart.branch_id, at_ms) for line in cart.lines),
        priced_at_ms=at_ms,
        feed_revision=feed_revision,
    )


def _repriced(
    line: CartLine, products: Mapping[str, Product], branch_id: str, at_ms: int
) -> CartLine:
    product = products.get(line.product_id or "")
    if product is None or line.price_overridden:
        return line
    price = find_price(product.prices, branch_id, at_ms)
    if price is None:
        return line
    renewed = replace(line, unit_price=price.amount, tax_code=product.tax_code)
    return _with_fitting_discount(renewed)


def _with_fitting_discount(line: CartLine) -> CartLine:
    too_large = line.discount is not None and line.discount.amount > abs(line.gross)
    return replace(line, discount=None) if too_large else line


def _with_changed(cart: Cart, changed: CartLine) -> Cart:
    _check_line(changed)
    return replace(
        cart,
        lines=tuple(changed if line.number == changed.number else line for line in cart.lines),
    )


# --- Limits -------------------------------------------------------------------------------------


def _check_quantity(quantity_milli: int) -> None:
    if quantity_milli == 0 or abs(quantity_milli) > LINE_QUANTITY_MILLI_MAX:
        raise QuantityRefused(smallest="0.001", largest=LINE_QUANTITY_MILLI_MAX // 1000)


def _check_line(line: CartLine) -> None:
    if not 0 <= line.unit_price <= UNIT_PRICE_MAX or abs(line.gross) > LINE_AMOUNT_MAX:
        raise PriceRefused(largest=UNIT_PRICE_MAX)
    _check_text(line.name, NAME_LENGTH_MAX)
    _check_text(line.note or "", NOTE_LENGTH_MAX)


def _check_text(text: str, longest: int) -> None:
    if len(text) > longest:
        raise TextTooLong(longest=longest)
