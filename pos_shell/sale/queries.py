"""Reads of the sale screen: what may be sold, what is in the cart, what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pos_shell.sale.store import load_cart
from pos_shell.shift.queries import open_shift_of
from pos_shell.till import Till
from sentra.domain.cart import Cart, CartLine, refresh_prices
from sentra.domain.discount import line_discount
from sentra.domain.indonesia import PPN
from sentra.domain.price import find_price
from sentra.domain.tax import UNTAXED, rates_in_force
from sentra.domain.totals import Totals, total_up
from sentra.events import Category, Product, SaleLine, Tax
from sentra.instants import local_date
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity

TILES_MAX: Final = 120
"""Tiles of one category; more would be slower to look through than a search."""

FOUND_MAX: Final = 24
"""Products that a search shows; the next letter narrows it down."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One product as the screen offers it; `price` is None where none has begun here."""

    product: Product
    price: int | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The left side: the categories, and what is on show of the chosen one, or was found."""

    categories: Sequence[Category]
    chosen: str | None
    asked: str
    tiles: Sequence[Tile]
    currency: str


@dataclass(frozen=True, slots=True)
class CartRow:
    """A line of the cart with its sum. `off` is its own discount, the cart's share not in it."""

    line: CartLine
    sold: SaleLine
    off: int


@dataclass(frozen=True, slots=True)
class CartView:
    """The right side. `cart` is None before the first line."""

    cart: Cart | None
    rows: Sequence[CartRow]
    totals: Totals | None
    selected: int | None
    currency: str
    discount_share: int = 0
    prices_moved: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to pay."""
        return not self.rows


def rates_at(db: Connection, identity: Identity, now_ms: int) -> Mapping[str, Tax]:
    """The taxes in force on the shift's day; without a shift on this day in the branch's zone."""
    shift = open_shift_of(db, identity)
    day = shift.business_date if shift else local_date(now_ms, identity.zone)
    return rates_in_force(catalogue.taxes(db), identity.branch_id, day)


def open_item_tax(rates: Mapping[str, Tax]) -> str:
    """The tax code of goods that the catalogue does not have: PPN, or what is in force instead."""
    codes = sorted((not tax.inclusive, tax.code != PPN, tax.code) for tax in rates.values())
    return codes[0][2] if codes else UNTAXED


def tile_of(product: Product, identity: Identity, at_ms: int) -> Tile:
    """The product with the price that holds at this branch and instant."""
    price = find_price(product.prices, identity.branch_id, at_ms)
    return Tile(product, None if price is None else price.amount)


def shelf(till: Till, category_id: str | None = None, asked: str = "") -> Shelf:
    """What to offer: search results where something was asked, else a category's tiles."""
    identity = till.identity
    with till.vault.reader() as db:
        categories = catalogue.categories(db)
        if category_id is None and not asked:
            category_id = _first_with_tiles(db, categories)
        if asked:
            products = catalogue.search(db, asked, FOUND_MAX)
        else:
            products = catalogue.tiles(db, category_id or None, TILES_MAX)
        cart = load_cart(db)
    at_ms = cart.priced_at_ms if cart is not None else till.clock()
    tiles = [tile_of(product, identity, at_ms) for product in products]
    return Shelf(categories, None if asked else category_id, asked, tiles, identity.currency)


def _first_with_tiles(db: Connection, categories: Sequence[Category]) -> str:
    """Favourites ("") where there are any, else the first category."""
    if catalogue.tiles(db, None, 1) or not categories:
        return ""
    return categories[0].id


def cart_view(till: Till) -> CartView:
    """The open cart worked out, with the line that is marked."""
    identity = till.identity
    with till.vault.reader() as db:
        cart = load_cart(db)
        if cart is None or cart.is_empty:
            return CartView(cart, (), None, None, identity.currency)
        rates = rates_at(db, identity, till.clock())
        moved = _prices_moved(db, cart, till.clock())
    totals = total_up(cart, rates)
    rows = tuple(
        CartRow(line, sold, own_discount(line))
        for line, sold in zip(cart.lines, totals.lines, strict=False)
    )
    own = sum(row.off for row in rows)
    return CartView(
        cart,
        rows,
        totals,
        selected_number(till, cart),
        identity.currency,
        discount_share=totals.discount_total - own,
        prices_moved=moved,
    )


def own_discount(line: CartLine) -> int:
    """What the line's own discount takes off it."""
    return line_discount(line.discount, line.gross)


def refreshed(db: Connection, cart: Cart, now_ms: int) -> Cart:
    """The cart at the prices of this moment, where no person had set one."""
    ids = {line.product_id for line in cart.lines if line.product_id is not None}
    found = {product_id: catalogue.product(db, product_id) for product_id in ids}
    products = {product_id: product for product_id, product in found.items() if product}
    return refresh_prices(cart, products, now_ms, catalogue.cursor(db, COMPANY))


def _prices_moved(db: Connection, cart: Cart, now_ms: int) -> bool:
    return refreshed(db, cart, now_ms).lines != cart.lines


def selected_number(till: Till, cart: Cart) -> int | None:
    """The marked line: the one touched last, else the last of the cart."""
    numbers = [line.number for line in cart.lines]
    if till.desk.selected in numbers:
        return till.desk.selected
    return numbers[-1] if numbers else None
