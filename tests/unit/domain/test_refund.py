"""Refunds: whatever the order and the pieces, all back is exactly what was paid, and never more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sentra.domain.cart import Cart, add_open_item, add_product, discount_cart, discount_line
from sentra.domain.discount import Discount
from sentra.domain.errors import ReasonMissing
from sentra.domain.payment import CARD, CASH, Offer, TooMuchWithoutCash
from sentra.domain.refund import (
    NothingToRefund,
    NotRefundable,
    OtherSale,
    RefundTooMuch,
    Wanted,
    complete_refund,
    quote_refund,
    refundable_lines,
    settle_refund,
)
from sentra.events import RefundCompleted
from tests.unit.domain.builders import (
    COUNTER,
    DOWN_100,
    MIXED_RATES,
    NOW_MS,
    cart_of,
    carts,
    empty_cart,
    product,
    refunded,
    sold,
)

TEA = product("Teh Botol 350 ml", 4500)


# --- What always holds --------------------------------------------------------------------------


@given(carts(returns=False, lines_max=4), st.data())
def test_refunds_in_any_order_and_pieces_add_up_to_the_sale(
    cart: Cart, data: st.DataObject
) -> None:
    sale = sold(cart, MIXED_RATES)
    refunds: list[RefundCompleted] = []
    while left := refundable_lines(sale, refunds):
        chosen = data.draw(st.sampled_from(left))
        all_of_it = len(refunds) > 12 or data.draw(st.booleans())
        quantity = (
            chosen.quantity_milli if all_of_it else data.draw(st.integers(1, chosen.quantity_milli))
        )
        refunds.append(refunded(sale, refunds, Wanted(chosen.line.position, quantity)))
    assert sum(refund.total for refund in refunds) == sale.total
    assert sum(refund.goods_total for refund in refunds) == sale.goods_total
    for tax in sale.taxes:
        back = [t for refund in refunds for t in refund.taxes if t.code == tax.code]
        assert sum(t.amount for t in back) == tax.amount
        assert sum(t.base for t in back) == tax.base


@given(carts(returns=False, lines_max=3), st.data())
def test_each_refund_is_between_nothing_and_what_is_left(cart: Cart, data: st.DataObject) -> None:
    sale = sold(cart, MIXED_RATES)
    refunds: list[RefundCompleted] = []
    for _ in range(data.draw(st.integers(1, 5))):
        left = refundable_lines(sale, refunds)
        if not left:
            break
        chosen = data.draw(st.sampled_from(left))
        quantity = data.draw(st.integers(1, chosen.quantity_milli))
        refund = refunded(sale, refunds, Wanted(chosen.line.position, quantity))
        (line,) = refund.lines
        assert 0 <= line.amount <= chosen.amount
        assert 0 <= line.tax_amount <= chosen.tax_amount
        assert line.tax_base >= 0
        refunds.append(refund)


@given(carts(returns=False))
def test_all_lines_at_once_give_the_sale_back_to_the_rupiah(cart: Cart) -> None:
    sale = sold(cart, MIXED_RATES)
    everything = [Wanted(line.position, line.quantity_milli) for line in sale.lines]
    quote = quote_refund(sale, [], everything)
    assert (quote.total, quote.tax_total) == (sale.total, sale.tax_total)
    assert quote.taxes == sale.taxes


@given(carts(returns=False, lines_max=3), st.data())
def test_two_wishes_for_one_line_are_as_two_refunds(cart: Cart, data: st.DataObject) -> None:
    sale = sold(cart, MIXED_RATES)
    line = data.draw(st.sampled_from(sale.lines))
    first = data.draw(st.integers(1, line.quantity_milli))
    second = line.quantity_milli - first
    wanted = [Wanted(line.position, first), *([Wanted(line.position, second)] if second else [])]
    assert quote_refund(sale, [], wanted).goods_total == line.amount


# --- At the counter -----------------------------------------------------------------------------


def test_one_of_three_comes_back_at_what_was_paid_for_it() -> None:
    cart = discount_cart(add_product(empty_cart(), TEA, 3000), Discount(amount=1000))
    sale = sold(cart)
    refunds: list[RefundCompleted] = []
    for _ in range(3):
        refunds.append(refunded(sale, refunds, Wanted(1, 1000)))
    assert [refund.total for refund in refunds] == [4_167, 4_166, 4_167]
    assert [refund.tax_total for refund in refunds] == [413, 413, 413]
    assert sum(refund.tax_total for refund in refunds) == sale.tax_total
    assert refundable_lines(sale, refunds) == ()


def test_a_gram_that_gives_no_money_back_gives_no_tax_back() -> None:
    cart = add_open_item(empty_cart(), "Pasir", 4, "PPN", 25_000, unit="kg")
    sale = sold(cart)
    first = refunded(sale, [], Wanted(1, 1_249))
    second = refunded(sale, [first], Wanted(1, 1))
    assert [(line.amount, line.tax_base) for line in (*first.lines, *second.lines)] == [
        (5, 4),
        (0, 0),
    ]


def test_a_gift_in_the_sale_comes_back_for_nothing() -> None:
    cart = discount_line(cart_of(TEA), 1, Discount(permyriad=10_000))
    assert refunded(sold(cart), [], Wanted(1, 1000)).total == 0


def test_a_refund_says_how_much_is_left() -> None:
    sale = sold(add_product(empty_cart(), TEA, 3000))
    first = refunded(sale, [], Wanted(1, 2000))
    (left,) = refundable_lines(sale, [first])
    assert (left.quantity_milli, left.amount) == (1000, 4500)


def test_more_than_is_left_is_refused_with_what_is_left() -> None:
    sale = sold(add_product(empty_cart(), TEA, 3000))
    first = refunded(sale, [], Wanted(1, 2000))
    with pytest.raises(RefundTooMuch, match="only 1 can"):
        quote_refund(sale, [first], [Wanted(1, 1001)])
    with pytest.raises(RefundTooMuch):
        quote_refund(sale, [first], [Wanted(1, 500), Wanted(1, 501)])
    for none in (0, -1000):
        with pytest.raises(RefundTooMuch):
            quote_refund(sale, [], [Wanted(1, none)])


def test_two_tills_that_refunded_the_same_goods_offline_leave_nothing_to_refund() -> None:
    sale = sold(cart_of(TEA))
    twice = [refunded(sale, [], Wanted(1, 1000)), refunded(sale, [], Wanted(1, 1000))]
    assert refundable_lines(sale, twice) == ()
    with pytest.raises(RefundTooMuch, match="only 0 can"):
        quote_refund(sale, twice, [Wanted(1, 1000)])


def test_a_return_line_is_not_refunded_again() -> None:
    sale = sold(add_open_item(cart_of(TEA), "Galon", 2000, "PPN", -1000))
    assert [left.line.position for left in refundable_lines(sale, [])] == [1]
    for position in (2, 3):
        with pytest.raises(NotRefundable):
            quote_refund(sale, [], [Wanted(position, 1000)])


def test_nothing_chosen_is_nothing_to_refund() -> None:
    with pytest.raises(NothingToRefund):
        quote_refund(sold(cart_of(TEA)), [], [])


def test_a_refund_of_another_sale_is_not_counted_in() -> None:
    sale, other = sold(cart_of(TEA)), sold(cart_of(TEA))
    with pytest.raises(OtherSale):
        refundable_lines(sale, [refunded(other, [], Wanted(1, 1000))])


def test_cash_is_paid_out_rounded_as_it_was_taken() -> None:
    sale = sold(cart_of(product(price=4550)), rule=DOWN_100)
    refund = refunded(sale, [], Wanted(1, 1000), rule=DOWN_100)
    assert (refund.total, refund.rounding) == (sale.total, sale.rounding) == (4_550, -50)
    assert [(tender.kind, tender.amount) for tender in refund.tenders] == [(CASH, 4_500)]


def test_a_card_gets_back_what_is_asked_and_cash_the_rest() -> None:
    settled = settle_refund(10_000, [Offer(CARD, 6_000, "1")], DOWN_100)
    assert [(t.kind, t.amount, t.received) for t in settled.tenders] == [
        (CARD, 6_000, 6_000),
        (CASH, 4_000, 4_000),
    ]
    with pytest.raises(TooMuchWithoutCash):
        settle_refund(10_000, [Offer(CARD, 10_001)], DOWN_100)


def test_a_refund_points_at_its_sale_which_stays_as_it_was() -> None:
    sale = sold(cart_of(TEA))
    before = replace(sale)
    refund = refunded(sale, [], Wanted(1, 1000, restocked=False))
    assert (refund.original_sale_id, refund.original_receipt_number) == (
        sale.sale_id,
        sale.receipt_number,
    )
    assert not refund.lines[0].restocked
    assert sale == before


def test_a_refund_without_a_reason_is_refused() -> None:
    sale = sold(cart_of(TEA))
    quote = quote_refund(sale, [], [Wanted(1, 1000)])
    with pytest.raises(ReasonMissing):
        complete_refund(
            sale,
            quote,
            settle_refund(quote.total, (), DOWN_100),
            COUNTER,
            refund_id="r",
            receipt_number="SGT-1-261122-0002",
            opened_at_ms=NOW_MS,
            completed_at_ms=NOW_MS,
            reason=" ",
        )
