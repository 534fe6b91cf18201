"""Parked orders at the router: taken up exactly once, whatever is asked twice or comes late."""

from __future__ import annotations

import msgspec
import pytest

from router_agent.outbound.orders import CLAIM_MS, Orders, OrdersFull, OrderTaken, OrderUnknown
from sentra.protocol.branch import ORDERS_PER_TERMINAL_MAX
from sentra.vault.database import Vault
from tests.support.sharing import an_offer

ONE, TWO, THREE = "till-1", "till-2", "till-3"
OFFER = an_offer()
BODY = msgspec.json.encode(OFFER)


class Ticks:
    """A clock that only goes forward, by hand."""

    now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def orders(vault: Vault, ticks: Ticks) -> Orders:
    made = Orders(vault, ticks)
    made.offer(ONE, OFFER, BODY)
    return made


def test_an_order_waits_for_everybody_as_it_was_offered(orders: Orders) -> None:
    for terminal in (ONE, TWO):
        [waiting], gone = orders.board(terminal)
        assert (waiting.terminal, waiting.order.label, gone) == (ONE, "Meja 1", [])
    assert orders.claim(TWO, OFFER.parking_id) == BODY


def test_offering_twice_changes_nothing_also_after_it_was_taken(orders: Orders) -> None:
    assert not orders.offer(ONE, OFFER, BODY)
    orders.claim(TWO, OFFER.parking_id)
    orders.settle(TWO, OFFER.parking_id)
    assert not orders.offer(ONE, OFFER, BODY)
    assert orders.board(ONE)[0] == []


def test_an_order_is_taken_up_once_and_its_till_hears_by_whom(orders: Orders) -> None:
    orders.claim(TWO, OFFER.parking_id)
    for other in (ONE, THREE):
        with pytest.raises(OrderTaken):
            orders.claim(other, OFFER.parking_id)
        with pytest.raises(OrderTaken):
            orders.settle(other, OFFER.parking_id)
    assert orders.settle(TWO, OFFER.parking_id)
    assert not orders.settle(TWO, OFFER.parking_id)
    with pytest.raises(OrderTaken):
        orders.claim(ONE, OFFER.parking_id)
    waiting, [gone] = orders.board(ONE)
    assert (waiting, gone.taken_by) == ([], TWO)
    assert orders.board(THREE) == ([], [])


def test_a_claim_asked_for_twice_is_granted_to_the_same_till(orders: Orders) -> None:
    assert orders.claim(TWO, OFFER.parking_id) == orders.claim(TWO, OFFER.parking_id)
    orders.settle(TWO, OFFER.parking_id)
    with pytest.raises(OrderUnknown):
        orders.claim(TWO, OFFER.parking_id)


def test_a_claim_that_nobody_settles_ends_by_a_clock_that_only_goes_forward(
    orders: Orders, ticks: Ticks
) -> None:
    orders.claim(TWO, OFFER.parking_id)
    ticks.now_ms += CLAIM_MS - 1
    with pytest.raises(OrderTaken):
        orders.claim(ONE, OFFER.parking_id)
    ticks.now_ms += 1
    assert orders.claim(ONE, OFFER.parking_id) == BODY
    with pytest.raises(OrderTaken):
        orders.settle(TWO, OFFER.parking_id)


def test_after_a_restart_a_claim_holds_for_its_whole_time_again(
    orders: Orders, vault: Vault
) -> None:
    orders.claim(TWO, OFFER.parking_id)
    later = Ticks()
    later.now_ms = 0
    again = Orders(vault, later)
    with pytest.raises(OrderTaken):
        again.claim(ONE, OFFER.parking_id)
    later.now_ms = CLAIM_MS
    assert again.claim(ONE, OFFER.parking_id) == BODY


def test_a_till_takes_its_own_order_back(orders: Orders) -> None:
    orders.claim(ONE, OFFER.parking_id)
    assert orders.settle(ONE, OFFER.parking_id)
    waiting, [gone] = orders.board(ONE)
    assert (waiting, gone.taken_by) == ([], ONE)


def test_an_order_that_nobody_offered_is_unknown_and_settled_without_harm(orders: Orders) -> None:
    with pytest.raises(OrderUnknown):
        orders.claim(TWO, an_offer(9).parking_id)
    assert not orders.settle(TWO, an_offer(9).parking_id)


def test_a_till_offers_so_many_and_no_more(orders: Orders) -> None:
    for number in range(2, ORDERS_PER_TERMINAL_MAX + 1):
        orders.offer(ONE, an_offer(number), b"{}")
    with pytest.raises(OrdersFull):
        orders.offer(ONE, an_offer(99), b"{}")
    assert orders.offer(TWO, an_offer(99), b"{}")
