"""Carts on hold in a branch: offered, taken up elsewhere, and what happens without the router.

The daemon is played by the test: it answers while the till pauses.
"""

from __future__ import annotations

import msgspec
import pytest

from pos_shell.branch import LOOKS_MAX
from pos_shell.parked.actions import ParkedElsewhere, RouterSilent, hold_cart, resume_cart
from pos_shell.parked.queries import branch_orders, parked_count, parked_rows
from pos_shell.payment.actions import complete_sale, take_offer
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_approval, load_cart
from sentra.domain.payment import Offer as Tender
from sentra.protocol.branch import (
    ORDER_CLAIM,
    Board,
    ClaimedOrder,
    Offer,
    OfferedOrder,
    TakenOrder,
)
from sentra.vault import sharing
from sentra.vault.sharing import Answer, Parked, load_parked
from tests.support.router_talk import answering, hear
from tests.support.shop import DEVICE_ID, DEWI, RUDI, Shop

OTHER = "0190a000-0000-7000-8000-00000000d002"


def held_elsewhere(shop: Shop, *, approved_by: str | None = None) -> Offer:
    """A cart of another till, on this till's board: made and held here, then moved there."""
    till = shop.till
    sale.scan(till, DEWI, shop.tea.code)
    held = hold_cart(till, DEWI, "Meja 4")
    with till.vault.writer() as db:
        sharing.keep_parked(db, [])
    offer = msgspec.structs.replace(sharing.offer_of(held), approved_by=approved_by)
    seen = {
        name: getattr(offer, name)
        for name in OfferedOrder.__struct_fields__
        if hasattr(offer, name)
    }
    hear(shop, Board(orders=(OfferedOrder(**seen, terminal=OTHER, terminal_name="Kasir 2"),)))
    return offer


def granted(offer: Offer) -> Answer:
    body = ClaimedOrder(offer=msgspec.Raw(msgspec.json.encode(offer)), lasts_ms=60_000)
    return Answer(None, msgspec.json.encode(body))


def taken_list(shop: Shop) -> list[str]:
    with shop.till.vault.reader() as db:
        return sharing.taken(db)


def hold(shop: Shop) -> Parked:
    sale.scan(shop.till, DEWI, shop.tea.code)
    return hold_cart(shop.till, DEWI, "Meja 1")


def test_a_held_cart_says_what_the_branch_must_know_of_it(open_shop: Shop) -> None:
    held = hold(open_shop)
    offer = sharing.offer_of(held)
    assert (offer.label, offer.parked_by, offer.total) == ("Meja 1", "Dewi", 4_500)
    assert msgspec.json.decode(offer.cart, type=type(held.cart)) == held.cart
    assert offer.sale_id == held.cart.sale_id != offer.parking_id


def test_the_same_cart_held_again_is_another_parking_of_the_same_sale(open_shop: Shop) -> None:
    first = hold(open_shop)
    resume_cart(open_shop.till, DEWI, first.cart.sale_id)
    open_shop.clock.forward(seconds=1)
    second = hold_cart(open_shop.till, DEWI)
    assert first.cart.sale_id == second.cart.sale_id
    assert first.parking_id != second.parking_id


def test_a_cart_with_a_charged_card_stays_at_its_till(open_shop: Shop) -> None:
    cart = sale.scan(open_shop.till, DEWI, open_shop.tea.code)
    take_offer(open_shop.till, cart.sale_id, Tender("card", 1_000, "0001"))
    assert hold_cart(open_shop.till, DEWI).parking_id == ""


def test_a_cart_of_another_till_is_listed_claimed_and_sold_here(open_shop: Shop) -> None:
    offer = held_elsewhere(open_shop, approved_by=RUDI.id)
    found = branch_orders(open_shop.till)
    assert found is not None
    assert [(one.terminal_name, one.parked_by) for one in found.orders] == [("Kasir 2", "Dewi")]
    assert found.answers
    assert parked_count(open_shop.till) == 1
    asked = answering(open_shop, lambda _question: granted(offer))
    cart = resume_cart(open_shop.till, DEWI, offer.sale_id)
    assert [question.target for question in asked] == [ORDER_CLAIM]
    assert taken_list(open_shop) == [offer.parking_id]
    assert parked_count(open_shop.till) == 0
    with open_shop.till.vault.reader() as db:
        assert load_approval(db, cart.sale_id) == RUDI.id
    assert (
        complete_sale(open_shop.till, DEWI, cart.sale_id, [Tender("cash", 5_000)]) == offer.sale_id
    )


def test_an_open_cart_goes_on_hold_in_place_of_the_one_from_another_till(open_shop: Shop) -> None:
    offer = held_elsewhere(open_shop)
    present = sale.scan(open_shop.till, DEWI, open_shop.coffee.code)
    answering(open_shop, lambda _question: granted(offer))
    resume_cart(open_shop.till, DEWI, offer.sale_id)
    assert [row.parked.cart for row in parked_rows(open_shop.till)] == [present]


@pytest.mark.parametrize("said", [None, Answer(sharing.SILENT)], ids=["late", "away"])
def test_without_the_router_another_tills_cart_stays_where_it_is(
    open_shop: Shop, said: Answer | None
) -> None:
    offer = held_elsewhere(open_shop)
    asked = answering(open_shop, lambda _question: said)
    with pytest.raises(RouterSilent):
        resume_cart(open_shop.till, DEWI, offer.sale_id)
    with open_shop.till.vault.reader() as db:
        assert load_cart(db) is None
        assert sharing.waiting(db, open_shop.clock()) == []
    assert len(asked) == 1
    assert taken_list(open_shop) == []


def test_a_till_waits_a_third_of_a_second_and_no_longer(open_shop: Shop) -> None:
    offer = held_elsewhere(open_shop)
    pauses: list[float] = []
    open_shop.till.pause = pauses.append
    with pytest.raises(RouterSilent):
        resume_cart(open_shop.till, DEWI, offer.sale_id)
    assert len(pauses) == LOOKS_MAX
    assert sum(pauses) <= 0.3 + 1e-9


def test_nothing_is_asked_while_the_router_is_known_to_be_away(open_shop: Shop) -> None:
    offer = held_elsewhere(open_shop)
    asked = answering(open_shop, lambda _question: granted(offer))
    open_shop.clock.forward(seconds=60)
    shown = branch_orders(open_shop.till)
    assert shown is not None
    assert (len(shown.orders), shown.answers) == (1, False)
    with pytest.raises(RouterSilent):
        resume_cart(open_shop.till, DEWI, offer.sale_id)
    assert asked == []


def test_a_till_goes_on_with_its_own_while_the_router_is_away(open_shop: Shop) -> None:
    held = hold(open_shop)
    hear(open_shop)
    answering(open_shop, lambda _question: None)
    assert resume_cart(open_shop.till, DEWI, held.cart.sale_id) == held.cart
    assert taken_list(open_shop) == [held.parking_id]


def test_a_cart_that_another_till_claims_now_cannot_be_taken_up(open_shop: Shop) -> None:
    held = hold(open_shop)
    hear(open_shop)
    answering(open_shop, lambda _question: Answer("order-taken"))
    with pytest.raises(ParkedElsewhere):
        resume_cart(open_shop.till, DEWI, held.cart.sale_id)
    with open_shop.till.vault.reader() as db:
        assert load_cart(db) is None


def test_the_first_till_sees_that_its_cart_is_gone_and_where_to(open_shop: Shop) -> None:
    held = hold(open_shop)
    gone = TakenOrder(parking_id=held.parking_id, terminal=OTHER, terminal_name="Kasir 2")
    hear(open_shop, Board(taken=(gone,)))
    assert [row.gone_to for row in parked_rows(open_shop.till)] == ["Kasir 2"]
    assert parked_count(open_shop.till) == 0
    with pytest.raises(ParkedElsewhere):
        resume_cart(open_shop.till, DEWI, held.cart.sale_id)
    later = hold(open_shop)
    with open_shop.till.vault.reader() as db:
        assert load_parked(db) == [later]


def test_what_this_till_took_back_itself_is_not_gone(open_shop: Shop) -> None:
    held = hold(open_shop)
    own = TakenOrder(parking_id=held.parking_id, terminal=DEVICE_ID, terminal_name="Kasir 1")
    hear(open_shop, Board(taken=(own,)))
    assert resume_cart(open_shop.till, DEWI, held.cart.sale_id) == held.cart
