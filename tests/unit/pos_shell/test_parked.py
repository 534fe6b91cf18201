"""Carts on hold: out of the way, kept through a restart, taken up in any order."""

from __future__ import annotations

import pytest

from pos_shell.parked.actions import (
    PARKED_MAX,
    ParkedMissing,
    TooManyParked,
    hold_cart,
    resume_cart,
)
from pos_shell.parked.queries import parked_count, parked_rows
from pos_shell.payment.actions import complete_sale
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_cart
from sentra.domain.checkout import CartEmpty
from sentra.domain.payment import Offer
from tests.support.shop import DEWI, Shop


def test_a_held_cart_makes_room_and_comes_back_as_it_was(open_shop: Shop) -> None:
    till = open_shop.till
    held = sale.scan(till, DEWI, open_shop.tea.code)
    hold_cart(till, DEWI, "  Meja 4 ")
    assert parked_count(till) == 1
    cart = sale.scan(till, DEWI, open_shop.coffee.code)
    complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
    [row] = parked_rows(till)
    assert (row.parked.label, row.parked.parked_by, row.total) == ("Meja 4", "Dewi", 4_500)
    assert resume_cart(till, DEWI, held.sale_id) == held
    assert parked_count(till) == 0


def test_taking_one_up_puts_the_open_one_in_its_place(open_shop: Shop) -> None:
    till = open_shop.till
    first = sale.scan(till, DEWI, open_shop.tea.code)
    hold_cart(till, DEWI)
    second = sale.scan(till, DEWI, open_shop.coffee.code)
    resume_cart(till, DEWI, first.sale_id)
    assert [row.parked.cart for row in parked_rows(till)] == [second]
    with till.vault.reader() as db:
        assert load_cart(db) == first


def test_an_empty_cart_cannot_be_held_and_a_missing_one_not_taken_up(open_shop: Shop) -> None:
    with pytest.raises(CartEmpty):
        hold_cart(open_shop.till, DEWI)
    with pytest.raises(ParkedMissing):
        resume_cart(open_shop.till, DEWI, "0190b000-0000-7000-8000-0000000fffff")


def test_there_is_an_end_to_holding(open_shop: Shop) -> None:
    for _ in range(PARKED_MAX):
        sale.scan(open_shop.till, DEWI, open_shop.tea.code)
        hold_cart(open_shop.till, DEWI)
    sale.scan(open_shop.till, DEWI, open_shop.tea.code)
    with pytest.raises(TooManyParked):
        hold_cart(open_shop.till, DEWI)
