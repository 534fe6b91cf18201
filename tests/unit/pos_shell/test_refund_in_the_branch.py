"""Refunds of a sale of another till: by its receipt, claimed at the router, or by a PIN without."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from pos_shell.payment.actions import complete_sale
from pos_shell.receipt.facts import ReceiptMissing, recorded
from pos_shell.receipt.queries import receipt_list
from pos_shell.refund.actions import RefundClaimed, RefundUnclaimed, refund_sale
from pos_shell.refund.queries import refund_page
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_cart
from sentra.domain.payment import Offer
from sentra.domain.refund import RefundTooMuch, Wanted
from sentra.events import RefundCompleted, SaleCompleted
from sentra.protocol.bodies import encode_fact
from sentra.protocol.branch import (
    REFUND_CLAIM,
    SALE,
    FactNote,
    FoundSale,
    RefundClaim,
    RefundGranted,
)
from sentra.vault import sharing
from sentra.vault.sharing import Answer, Question
from tests.support.router_talk import answering, hear
from tests.support.shop import DEWI, RUDI, Shop, an_id

GRANTED = Answer(None, msgspec.json.encode(RefundGranted(900_000)))
UNKNOWN = Answer("sale-unknown")


def note(fact: SaleCompleted | RefundCompleted) -> FactNote:
    kind, schema, body = encode_fact(fact)
    return FactNote(kind, schema, msgspec.Raw(body))


@pytest.fixture
def sold(open_shop: Shop) -> SaleCompleted:
    """Two teas of another till, which this one has never heard of."""
    sale.add_product(open_shop.till, DEWI, open_shop.tea.id, 2_000)
    with open_shop.till.vault.reader() as db:
        cart = load_cart(db)
    assert cart is not None
    complete_sale(open_shop.till, DEWI, cart.sale_id, [Offer("cash", 9_000)])
    with open_shop.till.vault.reader() as db:
        _entry, fact = recorded(db, open_shop.till.identity, cart.sale_id)
    assert isinstance(fact, SaleCompleted)
    return replace(fact, sale_id=an_id(), receipt_number="SGT-2-261122-0001")


def telling(
    sold: SaleCompleted, *refunds: RefundCompleted, claim: Answer | None = GRANTED
) -> Callable[[Question], Answer | None]:
    """A router that knows the sale, and answers claims so."""
    found = FoundSale(
        terminal="other", terminal_name="Kasir 2", sale=note(sold),
        refunds=tuple(map(note, refunds)),
    )  # fmt: skip
    told = Answer(None, msgspec.json.encode(found))

    def says(question: Question) -> Answer | None:
        return told if question.target == SALE else claim

    return says


def give_back(shop: Shop, sold: SaleCompleted, quantity_milli: int, **more: object) -> str:
    values: dict[str, object] = {
        "refund_id": an_id(), "reason": "Rusak", "approved_by": RUDI.id,
    }  # fmt: skip
    wanted = [Wanted(1, quantity_milli)]
    return refund_sale(shop.till, DEWI, sold.sale_id, wanted, **(values | more))  # type: ignore[arg-type]


def refund_of(shop: Shop, refund_id: str) -> RefundCompleted:
    with shop.till.vault.reader() as db:
        _entry, fact = recorded(db, shop.till.identity, refund_id)
    assert isinstance(fact, RefundCompleted)
    return fact


def test_a_receipt_of_another_till_is_found_by_its_whole_number(
    open_shop: Shop, sold: SaleCompleted
) -> None:
    hear(open_shop)
    asked = answering(open_shop, telling(sold))
    found = receipt_list(open_shop.till, " sgt-2-261122-0001 ").elsewhere
    assert found is not None
    assert (found.sale, found.sold_at) == (sold, "Kasir 2")
    assert receipt_list(open_shop.till, "sgt-2").elsewhere is None
    assert len(asked) == 1


def test_a_number_that_nobody_wrote_is_not_found_and_a_silent_router_is_said_so(
    open_shop: Shop,
) -> None:
    hear(open_shop)
    answering(open_shop, lambda _question: UNKNOWN)
    nothing = receipt_list(open_shop.till, "SGT-2-261122-0009")
    assert (nothing.elsewhere, nothing.is_silent) == (None, False)
    answering(open_shop, lambda _question: None)
    assert receipt_list(open_shop.till, "SGT-2-261122-0009").is_silent


def test_what_comes_back_is_claimed_first_under_the_refunds_own_id(
    open_shop: Shop, sold: SaleCompleted
) -> None:
    hear(open_shop)
    asked = answering(open_shop, telling(sold))
    page = refund_page(open_shop.till, sold.sale_id)
    assert (page.sold_at, page.is_heard, page.left[0].quantity_milli) == ("Kasir 2", True, 2_000)
    done = refund_of(open_shop, give_back(open_shop, sold, 1_000))
    claim = msgspec.json.decode(asked[-1].body, type=RefundClaim)
    assert asked[-1].target == REFUND_CLAIM
    assert claim == RefundClaim(claim_id=done.refund_id, sale_id=sold.sale_id, lines={1: 1_000})
    assert (done.original_sale_id, done.total) == (sold.sale_id, 4_500)
    assert done.original_receipt_number == sold.receipt_number


def test_what_came_back_elsewhere_is_not_given_back_again(
    open_shop: Shop, sold: SaleCompleted
) -> None:
    hear(open_shop)
    answering(open_shop, telling(sold))
    refund_page(open_shop.till, sold.sale_id)
    first = refund_of(open_shop, give_back(open_shop, sold, 1_000))
    other = replace(first, refund_id=an_id())
    # The router tells of this till's own refund too: it counts once.
    answering(open_shop, telling(sold, first, other))
    assert refund_page(open_shop.till, sold.sale_id).left == ()
    with pytest.raises(RefundTooMuch):
        give_back(open_shop, sold, 1_000)


def test_a_refund_that_another_till_claims_is_refused(open_shop: Shop, sold: SaleCompleted) -> None:
    hear(open_shop)
    answering(open_shop, telling(sold, claim=Answer("refund-claimed")))
    refund_page(open_shop.till, sold.sale_id)
    with pytest.raises(RefundClaimed):
        give_back(open_shop, sold, 1_000)
    assert refund_page(open_shop.till, sold.sale_id).earlier == []


@pytest.mark.parametrize("said", [None, Answer(sharing.SILENT)], ids=["late", "away"])
def test_when_the_router_falls_silent_a_pin_is_asked_for_and_stands_in_the_fact(
    open_shop: Shop, sold: SaleCompleted, said: Answer | None
) -> None:
    hear(open_shop)
    answering(open_shop, telling(sold))
    refund_page(open_shop.till, sold.sale_id)
    answering(open_shop, lambda _question: said)
    assert not refund_page(open_shop.till, sold.sale_id).is_heard
    with pytest.raises(RefundUnclaimed):
        give_back(open_shop, sold, 1_000)
    done = refund_of(open_shop, give_back(open_shop, sold, 1_000, by_pin=True))
    assert done.approved_by == RUDI.id


def test_a_sale_that_the_router_never_told_of_cannot_be_given_back(
    open_shop: Shop, sold: SaleCompleted
) -> None:
    with pytest.raises(ReceiptMissing):
        give_back(open_shop, sold, 1_000, by_pin=True)


def test_a_till_gives_back_its_own_without_a_router_and_claims_it_with_one(
    open_shop: Shop, sold: SaleCompleted
) -> None:
    own = next(iter(receipt_list(open_shop.till, "").found)).sale_id
    mine = replace(sold, sale_id=own)
    give_back(open_shop, mine, 1_000)
    hear(open_shop)
    asked = answering(open_shop, lambda _question: UNKNOWN)
    give_back(open_shop, mine, 500)
    assert [question.target for question in asked] == [REFUND_CLAIM]
    answering(open_shop, lambda _question: Answer("refund-claimed"))
    with pytest.raises(RefundClaimed):
        give_back(open_shop, mine, 500)


def test_a_till_remembers_so_many_sales_of_others_and_no_more(
    open_shop: Shop, sold: SaleCompleted
) -> None:
    hear(open_shop)
    sales = [
        replace(sold, sale_id=an_id(), receipt_number=f"SGT-2-261122-{number:04}")
        for number in range(sharing.SALES_MAX + 1)
    ]
    for one in sales:
        answering(open_shop, telling(one))
        refund_page(open_shop.till, one.sale_id)
    with open_shop.till.vault.reader() as db:
        assert sharing.kept_sale(db, sales[0].sale_id) is None
        assert sharing.kept_sale(db, sales[-1].sale_id) is not None
