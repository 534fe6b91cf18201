"""A receipt says everything in order: goods, discount, tax, total, rounding, tenders, change."""

from __future__ import annotations

from hypothesis import given

from sentra.domain.cart import Cart, add_product, discount_cart, discount_line
from sentra.domain.discount import Discount
from sentra.domain.payment import CARD, CASH, Offer
from sentra.domain.receipt import (
    CHANGE,
    DISCOUNT,
    GOODS,
    ROUNDING,
    TAX_ADDED,
    TAX_INCLUDED,
    TENDER,
    TO_PAY,
    TOTAL,
    refund_receipt,
    sale_receipt,
)
from sentra.domain.refund import Wanted
from sentra.domain.rounding import CashRounding
from sentra.events import Branch
from tests.unit.domain.builders import (
    BRANCH,
    DOWN_100,
    MIXED_RATES,
    NOW_MS,
    cart_of,
    carts,
    product,
    refunded,
    rounding_rules,
    sold,
)

SANGATTA = Branch(
    id=BRANCH,
    code="SGT",
    name="Sangatta",
    zone="Asia/Makassar",
    address="Jl. Yos Sudarso II\nSangatta Utara",
    cash_step=100,
    cash_direction="down",
    receipt_header="NPWP 01.234.567.8-999.000\n\n",
    receipt_footer="Terima kasih",
)
TEA = product("Teh Botol 350 ml", 4550)


def test_a_sale_is_told_from_goods_to_change() -> None:
    cart = discount_cart(add_product(cart_of(TEA), TEA), Discount(permyriad=1000))
    sale = sold(cart, offers=[Offer(CASH, 10_000)], rule=DOWN_100)
    receipt = sale_receipt(sale, SANGATTA, "PT Maju", short_hash="ab12cd34")
    assert [(line.kind, line.amount, line.label) for line in receipt.sums] == [
        (GOODS, 9_100, ""),
        (DISCOUNT, -910, ""),
        (TAX_INCLUDED, 812, "PPN 11 %"),
        (TOTAL, 8_190, ""),
        (ROUNDING, -90, ""),
        (TO_PAY, 8_100, ""),
        (TENDER, 8_100, CASH),
        (CHANGE, 1_900, ""),
    ]
    (item,) = receipt.items
    assert (item.gross, item.discount, item.amount) == (9_100, 910, 8_190)
    assert receipt.header == ("Jl. Yos Sudarso II", "Sangatta Utara", "NPWP 01.234.567.8-999.000")
    assert (receipt.footer, receipt.short_hash, receipt.copy) == (
        ("Terima kasih",),
        "ab12cd34",
        False,
    )
    assert (receipt.kind, receipt.number, receipt.at_ms) == (
        "sale",
        "SGT-1-261122-0001",
        NOW_MS + 60_000,
    )


def test_a_card_sale_without_rounding_says_neither_rounding_nor_change() -> None:
    sale = sold(cart_of(TEA), offers=[Offer(CARD, 4_550, "123456")], rule=DOWN_100)
    receipt = sale_receipt(sale, SANGATTA, "PT Maju")
    assert [line.kind for line in receipt.sums] == [GOODS, TAX_INCLUDED, TOTAL, TENDER]
    assert receipt.sums[-1].reference == "123456"


def test_a_copy_is_marked() -> None:
    assert sale_receipt(sold(cart_of(TEA)), SANGATTA, "PT Maju", copy=True).copy


def test_a_refund_points_at_the_first_receipt() -> None:
    sale = sold(discount_line(cart_of(TEA), 1, Discount(amount=550)))
    receipt = refund_receipt(refunded(sale, [], Wanted(1, 1000)), SANGATTA, "PT Maju")
    assert (receipt.kind, receipt.original_number, receipt.reason) == (
        "refund",
        sale.receipt_number,
        "Rusak",
    )
    assert [(item.gross, item.discount, item.amount) for item in receipt.items] == [
        (4_550, 550, 4_000)
    ]


@given(carts(), rounding_rules)
def test_what_is_printed_adds_up(cart: Cart, rule: CashRounding) -> None:
    receipt = sale_receipt(sold(cart, MIXED_RATES, rule=rule), SANGATTA, "PT Maju")

    def total_of(kind: str) -> int:
        return sum(line.amount for line in receipt.sums if line.kind == kind)

    assert total_of(GOODS) == sum(item.gross for item in receipt.items)
    assert total_of(GOODS) + total_of(DISCOUNT) + total_of(TAX_ADDED) == total_of(TOTAL)
    assert total_of(TENDER) == total_of(TOTAL) + total_of(ROUNDING)
    assert all(item.amount == item.gross - item.discount for item in receipt.items)
