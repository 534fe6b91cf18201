"""The shift: a counted float, cash in and out, a blind close, sums that agree with the facts."""

from __future__ import annotations

import pytest

from pos_shell.payment.actions import complete_sale, take_offer
from pos_shell.refund.actions import refund_sale
from pos_shell.sale import actions as sale
from pos_shell.shift.actions import (
    CartStillOpen,
    ShiftAlreadyOpen,
    close_shift,
    move_cash,
    open_shift,
)
from pos_shell.shift.queries import (
    closed_shift,
    closed_shifts,
    movements_of,
    open_shift_of,
    summary_of,
)
from sentra.domain.drawer import ShiftSummary, summarise
from sentra.domain.errors import ReasonMissing
from sentra.domain.payment import Offer
from sentra.domain.refund import Wanted
from sentra.domain.shift import FloatRefused, MovementRefused
from sentra.events import ShiftOpened
from sentra.vault import journal
from tests.support.shop import DEWI, RUDI, Shop, an_id


def present(shop: Shop) -> ShiftOpened | None:
    with shop.till.vault.reader() as db:
        return open_shift_of(db, shop.till.identity)


def summary(shop: Shop) -> ShiftSummary:
    shift = present(shop)
    assert shift is not None
    with shop.till.vault.reader() as db:
        return summary_of(db, shop.till.identity.branch_id, shift.shift_id)


def a_busy_hour(shop: Shop) -> str:
    """Sales in cash, by card and mixed, a refund, a void, cash in and out; returns a sale's id."""
    till = shop.till
    cart = sale.add_product(till, DEWI, shop.tea.id, 3_000)
    first = complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 20_000)])
    cart = sale.scan(till, DEWI, shop.coffee.code)
    complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
    cart = sale.add_product(till, DEWI, shop.coffee.id, 2_000)
    take_offer(till, cart.sale_id, Offer("card", 9_100, "C1"))
    complete_sale(till, DEWI, cart.sale_id)
    sale.scan(till, DEWI, shop.tea.code)
    sale.void_cart(till, DEWI, "Salah")
    refund_sale(
        till,
        DEWI,
        first,
        [Wanted(1, 1_000)],
        refund_id=an_id(),
        reason="Rusak",
        approved_by=RUDI.id,
    )
    for kind, amount in (("paid_in", 50_000), ("paid_out", 12_000), ("drop", 100_000)):
        move_cash(till, DEWI, kind=kind, amount=amount, reason="perlu", approved_by=RUDI.id)
    move_cash(till, DEWI, kind="no_sale", amount=0, reason="tukar uang", approved_by=RUDI.id)
    return first


def test_a_shift_takes_its_day_from_the_branchs_zone(shop: Shop) -> None:
    shop.clock.forward(seconds=13 * 3600)  # 17:00 UTC is one o'clock next day in Sangatta
    opened = open_shift(shop.till, DEWI, 200_000)
    assert (opened.business_date, opened.number) == ("2026-11-23", 1)
    assert present(shop) == opened


def test_one_drawer_has_one_shift(open_shop: Shop) -> None:
    with pytest.raises(ShiftAlreadyOpen):
        open_shift(open_shop.till, RUDI, 0)


def test_a_negative_float_cannot_be(shop: Shop) -> None:
    with pytest.raises(FloatRefused):
        open_shift(shop.till, DEWI, -1)


def test_the_rows_sum_up_to_what_the_facts_say(open_shop: Shop) -> None:
    a_busy_hour(open_shop)
    till = open_shop.till
    with till.vault.reader() as db:
        facts = [fact for _entry, fact in journal.facts(db, till.identity.device_id) if fact]
    assert summary(open_shop) == summarise(200_000, facts)
    assert summary(open_shop).expected_cash == 200_000 + 13_500 + 4_500 - 4_500 + 50_000 - 112_000


def test_cash_moves_with_a_reason_and_an_amount(open_shop: Shop) -> None:
    till = open_shop.till
    with pytest.raises(ReasonMissing):
        move_cash(till, DEWI, kind="paid_in", amount=1_000, reason=" ")
    with pytest.raises(MovementRefused):
        move_cash(till, DEWI, kind="paid_in", amount=0, reason="x")
    move_cash(till, DEWI, kind="paid_out", amount=7_500, reason="galon", approved_by=RUDI.id)
    shift = present(open_shop)
    assert shift is not None
    with till.vault.reader() as db:
        moved = movements_of(db, till.identity.branch_id, shift.shift_id)
    assert [(one.kind, one.amount, one.reason) for one in moved] == [("paid_out", -7_500, "galon")]


def test_the_difference_is_posted_whatever_it_is(open_shop: Shop) -> None:
    a_busy_hour(open_shop)
    expected = summary(open_shop).expected_cash
    before = present(open_shop)
    assert before is not None
    with open_shop.till.vault.reader() as db:
        head = journal.head(db)
    closed = close_shift(
        open_shop.till, RUDI, denominations=[(100_000, 1), (500, 3)], note="kurang"
    )
    assert closed.counted_cash == 101_500
    assert closed.difference == 101_500 - expected
    assert (closed.sale_count, closed.refund_count, closed.void_count) == (3, 1, 1)
    assert closed.last_hash == head.hash.hex()
    assert present(open_shop) is None
    with open_shop.till.vault.reader() as db:
        identity = open_shop.till.identity
        shown = closed_shift(db, identity.branch_id, before.shift_id)
        assert shown is not None
        assert (shown.difference, shown.closed_by) == (closed.difference, "Rudi")
        assert closed_shifts(db, identity) == [shown]


def test_a_drawer_that_is_right_has_no_difference(open_shop: Shop) -> None:
    closed = close_shift(open_shop.till, DEWI, counted_cash=200_000)
    assert closed.difference == 0


def test_goods_in_the_cart_hold_the_shift_open(open_shop: Shop) -> None:
    sale.scan(open_shop.till, DEWI, open_shop.tea.code)
    with pytest.raises(CartStillOpen):
        close_shift(open_shop.till, DEWI, counted_cash=0)


def test_the_next_shift_counts_on(open_shop: Shop) -> None:
    close_shift(open_shop.till, DEWI, counted_cash=200_000)
    assert open_shift(open_shop.till, RUDI, 0).number == 2
