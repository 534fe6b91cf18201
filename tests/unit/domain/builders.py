"""Parts that the tests of the domain are put together from, and the strategies that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from hypothesis import strategies as st

from sentra.domain.cart import (
    Cart,
    add_open_item,
    add_product,
    discount_cart,
    discount_line,
    open_cart,
)
from sentra.domain.checkout import complete_sale
from sentra.domain.counter import Counter
from sentra.domain.discount import Discount
from sentra.domain.indonesia import standard_taxes
from sentra.domain.payment import Offer, exactly_in_cash, settle
from sentra.domain.refund import (
    Wanted,
    complete_refund,
    quote_refund,
    settle_refund,
)
from sentra.domain.rounding import DIRECTIONS, NO_ROUNDING, CashRounding
from sentra.domain.tax import rates_in_force
from sentra.domain.totals import total_up
from sentra.events import Price, Product, RefundCompleted, SaleCompleted, Tax
from sentra.instants import parse_local

BRANCH = "0193a000-0000-7000-8000-00000000000b"
OTHER_BRANCH = "0193a000-0000-7000-8000-00000000000c"
TODAY = "2026-11-22"
NOW_MS = parse_local("2026-11-22T14:26:00", "WITA")
DOWN_100 = CashRounding(100, "down")

COUNTER = Counter(
    shift_id="0193a000-0000-7000-8000-000000000001",
    cashier_id="0193a000-0000-7000-8000-000000000002",
    cashier_name="Dewi",
    currency="IDR",
    business_date=TODAY,
    zone="Asia/Makassar",
)

_numbers = count(1)


def new_id() -> str:
    """An id that no other part of the test run has."""
    return f"0193a000-0000-7000-8000-{next(_numbers):012x}"


def tax(
    code: str = "PPN",
    *,
    rate: int = 1200,
    base: tuple[int, int] = (11, 12),
    inclusive: bool = True,
    valid_from: str = "2025-01-01",
    valid_to: str | None = None,
    branch_id: str | None = None,
) -> Tax:
    """A tax rate; PPN of today unless told otherwise."""
    return Tax(
        new_id(), code, code, rate, base[0], base[1], inclusive, valid_from, valid_to, branch_id
    )


def product(
    name: str = "Teh Botol 350 ml",
    price: int = 4500,
    *,
    tax_code: str = "PPN",
    weighed: bool = False,
    prices: tuple[Price, ...] | None = None,
) -> Product:
    """A product with one price that always held."""
    return Product(
        id=new_id(),
        code=name[:4].upper(),
        name=name,
        category_id=None,
        unit="kg" if weighed else "pcs",
        tax_code=tax_code,
        prices=prices if prices is not None else (Price(price),),
        weighed=weighed,
    )


def rates(*, inclusive: bool = True, day: str = TODAY) -> dict[str, Tax]:
    """The Indonesian rates of a day."""
    return rates_in_force(standard_taxes(new_id, inclusive=inclusive), BRANCH, day)


MIXED_RATES = {
    "PPN": tax("PPN"),
    "PPN-ON-TOP": tax("PPN-ON-TOP", inclusive=False),
    "PBJT": tax("PBJT", rate=1000, base=(1, 1), inclusive=False),
    "FREE": tax("FREE", rate=0, base=(1, 1)),
}
"""Inclusive, exclusive and zero rates side by side; carts also draw codes without a rate."""


def empty_cart() -> Cart:
    """A cart opened now."""
    return open_cart(new_id(), BRANCH, "IDR", NOW_MS, feed_revision=7)


def cart_of(*products: Product) -> Cart:
    """A cart with one of each."""
    cart = empty_cart()
    for item in products:
        cart = add_product(cart, item)
    return cart


def sold(
    cart: Cart,
    with_rates: dict[str, Tax] | None = None,
    *,
    offers: Sequence[Offer] | None = None,
    rule: CashRounding = NO_ROUNDING,
    receipt_number: str = "SGT-1-261122-0001",
) -> SaleCompleted:
    """The sale of a cart, paid exactly in cash unless told otherwise."""
    totals = total_up(cart, rates() if with_rates is None else with_rates)
    paid = exactly_in_cash(totals.total, rule) if offers is None else offers
    settlement = settle(totals.total, paid, rule)
    return complete_sale(
        cart,
        totals,
        settlement,
        COUNTER,
        receipt_number=receipt_number,
        completed_at_ms=NOW_MS + 60_000,
    )


def refunded(
    sale: SaleCompleted,
    earlier: Sequence[RefundCompleted],
    *wanted: Wanted,
    rule: CashRounding = NO_ROUNDING,
) -> RefundCompleted:
    """A refund of a sale, paid out in cash."""
    quote = quote_refund(sale, earlier, wanted)
    return complete_refund(
        sale,
        quote,
        settle_refund(quote.total, (), rule),
        COUNTER,
        refund_id=new_id(),
        receipt_number="SGT-1-261122-0009",
        opened_at_ms=NOW_MS,
        completed_at_ms=NOW_MS,
        reason="Rusak",
    )


# --- Strategies ---------------------------------------------------------------------------------

rounding_rules = st.builds(
    CashRounding, st.sampled_from([1, 5, 25, 50, 100, 500, 1000]), st.sampled_from(DIRECTIONS)
)
unit_prices = st.integers(0, 5_000_000)
sold_quantities = st.one_of(st.integers(1, 12).map(lambda n: n * 1000), st.integers(1, 30_000))
tax_codes = st.sampled_from([*MIXED_RATES, "", "UNKNOWN"])
discounts = st.one_of(
    st.none(),
    st.integers(1, 10_000).map(lambda permyriad: Discount(permyriad=permyriad)),
    st.integers(1, 1_000_000).map(lambda amount: Discount(amount=amount)),
)


@st.composite
def carts(draw: st.DrawFn, *, returns: bool = True, lines_max: int = 8) -> Cart:
    """Any cart of a till: discounts, weighed goods, return lines, every kind of tax."""
    cart = empty_cart()
    for n in range(draw(st.integers(1, lines_max))):
        quantity = draw(sold_quantities) * (draw(st.sampled_from([1, 1, -1])) if returns else 1)
        cart = add_open_item(cart, f"Barang {n}", draw(unit_prices), draw(tax_codes), quantity)
        line, discount = cart.lines[-1], draw(discounts)
        if discount is not None and discount.amount <= abs(line.gross):
            cart = discount_line(cart, line.number, discount)
    whole = draw(discounts)
    goods = abs(total_up(cart, {}).goods_total)
    only_sales = all(line.quantity_milli > 0 for line in cart.lines)
    if whole is not None and (whole.amount == 0 or (only_sales and whole.amount <= goods)):
        cart = discount_cart(cart, whole)
    return cart
