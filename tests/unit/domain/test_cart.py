"""The cart: verbs that return another cart, prices that stay, limits that are named."""

from __future__ import annotations

from dataclasses import asdict, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.cart import (
    LINE_QUANTITY_MILLI_MAX,
    LINES_MAX,
    UNIT_PRICE_MAX,
    Cart,
    CartFull,
    LineMissing,
    PriceRefused,
    QuantityRefused,
    TextTooLong,
    add_open_item,
    add_product,
    discount_cart,
    discount_line,
    line_of,
    note_cart,
    note_line,
    refresh_prices,
    remove_line,
    set_quantity,
    set_unit_price,
)
from sentra.domain.discount import Discount, DiscountRefused, DiscountTooLarge
from sentra.domain.price import PriceMissing
from sentra.domain.totals import total_up
from sentra.events import Price
from sentra.money import AMOUNT_MAX
from tests.unit.domain.builders import (
    BRANCH,
    MIXED_RATES,
    NOW_MS,
    cart_of,
    carts,
    discounts,
    empty_cart,
    product,
    rates,
    sold_quantities,
    unit_prices,
)

TEA, MILK = product("Teh Botol 350 ml", 4500), product("Nestlé Carnation 495 g", 11_800)


# --- Adding -------------------------------------------------------------------------------------


def test_a_second_scan_joins_the_first_line() -> None:
    cart = cart_of(TEA, MILK, TEA)
    assert [(line.name, line.quantity_milli) for line in cart.lines] == [
        (TEA.name, 2000),
        (MILK.name, 1000),
    ]


def test_a_joined_line_keeps_the_price_of_the_first_scan() -> None:
    dearer = product("Teh Botol 350 ml", 5000)
    cart = add_product(cart_of(TEA), replace(dearer, id=TEA.id))
    assert [(line.unit_price, line.quantity_milli) for line in cart.lines] == [(4500, 2000)]


@pytest.mark.parametrize("how", ["price", "discount", "note", "return", "asked"])
def test_a_line_that_is_not_plain_takes_no_more(how: str) -> None:
    cart = cart_of(TEA)
    if how == "price":
        cart = set_unit_price(cart, 1, 4000)
    if how == "discount":
        cart = discount_line(cart, 1, Discount(permyriad=1000))
    if how == "note":
        cart = note_line(cart, 1, "dingin")
    quantity = -1000 if how == "return" else 1000
    assert len(add_product(cart, TEA, quantity, merge=how != "asked").lines) == 2


def test_each_weighing_is_a_line_of_its_own() -> None:
    eggs = product("Telur ayam", 28_000, weighed=True)
    cart = add_product(add_product(empty_cart(), eggs, 1_235), eggs, 500)
    assert [line.gross for line in cart.lines] == [34_580, 14_000]


def test_prices_are_those_of_the_carts_instant_until_refreshed() -> None:
    midnight = NOW_MS + 3_600_000
    tea = product(prices=(Price(4500), Price(5000, from_ms=midnight)))
    cart = cart_of(tea)
    refreshed = refresh_prices(cart, {tea.id: tea}, midnight, feed_revision=8)
    assert [line.unit_price for line in (*cart.lines, *refreshed.lines)] == [4500, 5000]
    assert (cart.feed_revision, refreshed.feed_revision) == (7, 8)


def test_a_refresh_leaves_prices_that_a_person_set_and_products_that_are_gone() -> None:
    cart = set_unit_price(cart_of(TEA, MILK), 1, 4000)
    dearer = replace(TEA, prices=(Price(9000),))
    refreshed = refresh_prices(cart, {TEA.id: dearer}, NOW_MS, 8)
    assert [line.unit_price for line in refreshed.lines] == [4000, 11_800]


def test_a_product_without_a_price_is_refused_but_may_be_sold_at_ones_own() -> None:
    unpriced = product(prices=())
    with pytest.raises(PriceMissing, match="Teh Botol"):
        add_product(empty_cart(), unpriced)
    (line,) = add_product(empty_cart(), unpriced, unit_price=700).lines
    assert (line.unit_price, line.price_overridden) == (700, True)


def test_an_open_item_without_a_name_goes_by_its_code() -> None:
    names = [
        add_open_item(empty_cart(), name, 100, "PPN", code=code).lines[0].name
        for name, code in ((" Gula ", "X1"), ("", "X1"), (" ", " "))
    ]
    assert names == ["Gula", "X1", "–"]


def test_an_open_item_may_cost_nothing() -> None:
    assert total_up(add_open_item(empty_cart(), "Contoh", 0, "PPN"), rates()).total == 0


# --- Changing -----------------------------------------------------------------------------------


def test_a_removed_lines_number_is_never_used_again() -> None:
    cart = add_product(remove_line(cart_of(TEA, MILK), 2), MILK)
    cart = add_open_item(cart, "Kantong", 200, "PPN")
    assert [line.number for line in cart.lines] == [1, 3, 4]


def test_a_verb_on_a_line_that_is_gone_is_refused() -> None:
    cart = remove_line(cart_of(TEA), 1)
    for verb in (remove_line, line_of):
        with pytest.raises(LineMissing):
            verb(cart, 1)
    with pytest.raises(LineMissing):
        set_quantity(cart, 1, 1000)


def test_notes_are_kept_trimmed_and_taken_away_when_empty() -> None:
    cart = note_line(note_cart(cart_of(TEA), " untuk Ibu Sri "), 1, " dingin ")
    assert (cart.note, cart.lines[0].note) == ("untuk Ibu Sri", "dingin")
    assert note_cart(cart, "").note is None
    assert note_line(cart, 1, " ").lines[0].note is None


def test_a_negative_quantity_is_a_return() -> None:
    cart = add_product(cart_of(MILK), TEA, -2000)
    totals = total_up(cart, rates())
    assert (totals.total, totals.count_milli) == (11_800 - 9000, -1000)


@given(carts(), st.data())
def test_a_refused_or_accepted_verb_leaves_the_old_cart_as_it_was(
    cart: Cart, data: st.DataObject
) -> None:
    before = asdict(cart)
    number = data.draw(st.sampled_from([line.number for line in cart.lines]))
    remove_line(cart, number)
    set_quantity(cart, number, data.draw(sold_quantities))
    set_unit_price(cart, number, data.draw(unit_prices))
    discount = data.draw(discounts)
    if discount is None or not discount.amount:
        discount_line(cart, number, discount)
    assert asdict(cart) == before


@given(carts())
def test_an_open_cart_outlives_a_power_cut_as_plain_data(cart: Cart) -> None:
    assert msgspec.json.decode(msgspec.json.encode(cart), type=Cart) == cart


# --- Discounts ----------------------------------------------------------------------------------


def test_a_friday_promotion_of_ten_percent_on_a_line() -> None:
    downy = product("Downy sekali bilas 400 ml", 14_400)
    cart = discount_line(cart_of(downy), 1, Discount(permyriad=1000))
    (line,) = total_up(cart, rates()).lines
    assert (line.discount, line.amount) == (1_440, 12_960)


def test_a_discount_on_the_cart_is_divided_over_its_lines_to_the_rupiah() -> None:
    cart = discount_cart(cart_of(TEA, MILK, product("Lux", 3000)), Discount(amount=1000))
    totals = total_up(cart, rates())
    assert [line.discount for line in totals.lines] == [233, 611, 156]
    assert (totals.discount_total, totals.total) == (1000, 18_300)


def test_a_discount_on_the_cart_is_for_goods_sold_and_not_for_returns() -> None:
    cart = add_product(cart_of(MILK), TEA, -1000)
    totals = total_up(discount_cart(cart, Discount(permyriad=5000)), rates())
    assert [line.discount for line in totals.lines] == [5900, 0]


def test_a_cart_of_returns_mirrors_the_discount() -> None:
    there = total_up(discount_cart(cart_of(TEA, MILK), Discount(amount=1001)), rates())
    returns = add_product(add_product(empty_cart(), TEA, -1000), MILK, -1000)
    back = total_up(discount_cart(returns, Discount(amount=1001)), rates())
    assert (back.total, back.tax_total) == (-there.total, -there.tax_total)


def test_a_discount_that_no_longer_fits_takes_no_more_than_what_is_left() -> None:
    cart = discount_cart(cart_of(TEA, MILK), Discount(amount=16_000))
    assert total_up(remove_line(cart, 2), rates()).total == 0
    cart = discount_line(set_quantity(cart_of(TEA), 1, 3000), 1, Discount(amount=9000))
    assert set_quantity(cart, 1, 1000).lines[0].discount is None


def test_a_discount_larger_than_the_goods_is_refused() -> None:
    with pytest.raises(DiscountTooLarge):
        discount_line(cart_of(TEA), 1, Discount(amount=4501))
    with pytest.raises(DiscountTooLarge):
        discount_cart(cart_of(TEA), Discount(amount=4501))
    assert discount_cart(discount_cart(cart_of(TEA), Discount(amount=1)), None).discount is None


@pytest.mark.parametrize(("permyriad", "amount"), [(0, 0), (1, 1), (10_001, 0), (-1, 0), (0, -5)])
def test_a_discount_is_either_a_percentage_or_an_amount(permyriad: int, amount: int) -> None:
    with pytest.raises(DiscountRefused):
        Discount(permyriad=permyriad, amount=amount)


@given(carts(returns=False))
def test_a_discount_never_turns_a_line_around(cart: Cart) -> None:
    for line in total_up(cart, MIXED_RATES).lines:
        assert 0 <= line.amount <= line.amount + line.discount


@given(carts(returns=False))
def test_a_cart_of_the_same_returns_undoes_a_cart(cart: Cart) -> None:
    mirror = replace(
        cart,
        lines=tuple(replace(line, quantity_milli=-line.quantity_milli) for line in cart.lines),
    )
    there, back = total_up(cart, MIXED_RATES), total_up(mirror, MIXED_RATES)
    assert back.total == -there.total
    assert [line.tax_amount for line in back.lines] == [-line.tax_amount for line in there.lines]


# --- Limits -------------------------------------------------------------------------------------


def test_a_full_cart_takes_no_more_lines_but_more_of_the_same() -> None:
    cart = cart_of(TEA)
    for n in range(LINES_MAX - 1):
        cart = add_open_item(cart, f"Barang {n}", UNIT_PRICE_MAX, "PPN-ON-TOP")
    with pytest.raises(CartFull, match="500"):
        add_product(cart, MILK)
    assert total_up(add_product(cart, TEA), MIXED_RATES).total < AMOUNT_MAX


@pytest.mark.parametrize("quantity", [0, LINE_QUANTITY_MILLI_MAX + 1, -LINE_QUANTITY_MILLI_MAX - 1])
def test_a_quantity_of_nothing_or_of_a_barcode_is_refused(quantity: int) -> None:
    with pytest.raises(QuantityRefused):
        add_product(empty_cart(), TEA, quantity)
    with pytest.raises(QuantityRefused):
        set_quantity(cart_of(TEA), 1, quantity)


def test_a_price_below_zero_or_beyond_reason_is_refused() -> None:
    for price in (-1, UNIT_PRICE_MAX + 1):
        with pytest.raises(PriceRefused):
            set_unit_price(cart_of(TEA), 1, price)
    with pytest.raises(PriceRefused):
        set_quantity(set_unit_price(cart_of(TEA), 1, UNIT_PRICE_MAX), 1, 2000)


def test_a_text_that_no_receipt_shows_is_refused() -> None:
    with pytest.raises(TextTooLong, match="500"):
        note_cart(cart_of(TEA), "x" * 501)
    with pytest.raises(TextTooLong):
        note_line(cart_of(TEA), 1, "x" * 501)
    with pytest.raises(TextTooLong):
        add_open_item(empty_cart(), "x" * 301, 1, "PPN")


def test_a_cart_belongs_to_its_branch() -> None:
    assert empty_cart().branch_id == BRANCH
    assert empty_cart().is_empty
