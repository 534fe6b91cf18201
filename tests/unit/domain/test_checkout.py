"""A cart ends as a sale that adds up, or as a void that explains itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from sentra.domain.cart import Cart, add_product, note_cart
from sentra.domain.checkout import (
    CartEmpty,
    SettlementStale,
    complete_sale,
    void_needs_approval,
    void_sale,
)
from sentra.domain.errors import ApprovalNeeded, ReasonMissing
from sentra.domain.payment import CASH, Offer, settle
from sentra.domain.rounding import NO_ROUNDING, CashRounding
from sentra.domain.totals import total_up
from sentra.events import SaleVoided
from sentra.protocol.bodies import decode_fact, encode_fact
from tests.unit.domain.builders import (
    COUNTER,
    DOWN_100,
    MIXED_RATES,
    NOW_MS,
    cart_of,
    carts,
    empty_cart,
    product,
    rates,
    rounding_rules,
    sold,
)

KOPIKO = product("Kopiko 78 °C Mocharetta", 4_500)
CARNATION = product("Nestlé Carnation 495 g", 11_800)


def given_up(cart: Cart, **changes: object) -> SaleVoided:
    """A void of the cart, with a reason and no limit unless told otherwise."""
    how = {
        "receipt_number": "SGT-1-261122-0001",
        "voided_at_ms": NOW_MS,
        "reason": "Pelanggan batal",
        **changes,
    }
    return void_sale(cart, total_up(cart, rates()), COUNTER, **how)  # type: ignore[arg-type] # keywords of the test


@given(carts(), rounding_rules)
def test_every_sale_adds_up_from_its_lines_to_its_tenders(cart: Cart, rule: CashRounding) -> None:
    sale = sold(cart, MIXED_RATES, rule=rule)
    assert sum(line.amount for line in sale.lines) == sale.goods_total
    assert sum(line.discount for line in sale.lines) == sale.discount_total
    assert sum(line.tax_amount for line in sale.lines) == sale.tax_total
    on_top = sum(tax.amount for tax in sale.taxes if not tax.inclusive)
    assert sale.goods_total + on_top == sale.total
    assert sum(tender.amount for tender in sale.tenders) == sale.total + sale.rounding


@given(carts())
def test_a_sale_comes_back_from_the_journal_as_it_was_written(cart: Cart) -> None:
    sale = sold(cart, MIXED_RATES)
    assert decode_fact(*encode_fact(sale)) == sale


def test_the_first_ticket_of_the_minimarket_is_sold() -> None:
    cart = add_product(add_product(empty_cart(), KOPIKO, 2000), CARNATION)
    sale = sold(cart, offers=[Offer(CASH, 21_000)])
    assert (sale.total, sale.tax_total, sale.rounding) == (20_800, 892 + 1_169, 0)
    assert [(t.kind, t.received, t.change) for t in sale.tenders] == [(CASH, 21_000, 200)]


def test_a_sale_keeps_the_carts_id_so_that_no_retry_makes_two() -> None:
    cart = note_cart(cart_of(KOPIKO), "untuk Ibu Sri")
    sale = sold(cart)
    assert (sale.sale_id, sale.opened_at_ms, sale.feed_revision, sale.note) == (
        cart.sale_id,
        cart.opened_at_ms,
        7,
        "untuk Ibu Sri",
    )
    assert (sale.shift_id, sale.business_date) == (COUNTER.shift_id, COUNTER.business_date)


def test_a_ticket_of_returns_and_sales_may_pay_money_out() -> None:
    sale = sold(add_product(cart_of(KOPIKO), CARNATION, -1000), rule=DOWN_100)
    assert (sale.total, sale.tenders[0].amount) == (-7_300, -7_300)


def test_an_empty_cart_is_not_sold_and_not_voided() -> None:
    cart = empty_cart()
    totals = total_up(cart, {})
    with pytest.raises(CartEmpty):
        complete_sale(
            cart,
            totals,
            settle(0, [], NO_ROUNDING),
            COUNTER,
            receipt_number="SGT-1-261122-0001",
            completed_at_ms=NOW_MS,
        )
    with pytest.raises(CartEmpty):
        given_up(cart)


def test_a_payment_of_another_total_is_refused() -> None:
    cart = cart_of(KOPIKO)
    totals = total_up(cart, rates())
    stale = settle(4_000, [Offer(CASH, 4_000)], NO_ROUNDING)
    for settlement in (stale, replace(stale, total=4_500)):
        with pytest.raises(SettlementStale):
            complete_sale(
                cart,
                totals,
                settlement,
                COUNTER,
                receipt_number="SGT-1-261122-0001",
                completed_at_ms=NOW_MS,
            )


def test_a_void_burns_its_number_and_says_why() -> None:
    voided = given_up(cart_of(KOPIKO, CARNATION), reason=" Pelanggan batal ")
    assert (voided.receipt_number, voided.line_count, voided.total, voided.reason) == (
        "SGT-1-261122-0001",
        2,
        16_300,
        "Pelanggan batal",
    )


def test_a_void_without_a_reason_is_refused() -> None:
    with pytest.raises(ReasonMissing):
        given_up(cart_of(KOPIKO), reason="")


def test_a_void_above_the_limit_needs_a_supervisor() -> None:
    cart = cart_of(KOPIKO)
    with pytest.raises(ApprovalNeeded):
        given_up(cart, void_limit=4_499)
    assert given_up(cart, void_limit=4_500).approved_by is None
    assert given_up(cart, void_limit=0, approved_by="sari").approved_by == "sari"
    assert [void_needs_approval(-5, limit) for limit in (None, 4, 5)] == [False, True, False]
