"""Refunds: by lines, with a reason and a supervisor, never more than was sold."""

from __future__ import annotations

import pytest

from pos_shell.payment.actions import complete_sale
from pos_shell.receipt.facts import ReceiptMissing, find_receipts, recorded
from pos_shell.refund.actions import quote, refund_sale
from pos_shell.refund.queries import refund_page
from pos_shell.sale import actions as sale
from sentra.domain.errors import ApprovalNeeded, ReasonMissing
from sentra.domain.payment import Offer
from sentra.domain.refund import NothingToRefund, RefundTooMuch, Wanted
from sentra.events import RefundCompleted
from tests.support.shop import DEWI, RUDI, Shop, an_id


@pytest.fixture
def sold(open_shop: Shop) -> str:
    """Three teas and one coffee, Rp 18.050, paid in cash."""
    sale.add_product(open_shop.till, DEWI, open_shop.tea.id, 3_000)
    cart = sale.scan(open_shop.till, DEWI, open_shop.coffee.code)
    return complete_sale(open_shop.till, DEWI, cart.sale_id, [Offer("cash", 20_000)])


def give_back(shop: Shop, sold: str, *wanted: Wanted, **changes: str | None) -> str:
    values: dict[str, str | None] = {
        "refund_id": an_id(),
        "reason": "Rusak",
        "approved_by": RUDI.id,
    }
    return refund_sale(shop.till, DEWI, sold, wanted, **(values | changes))  # type: ignore[arg-type]


def fact(shop: Shop, refund_id: str) -> RefundCompleted:
    with shop.till.vault.reader() as db:
        _entry, found = recorded(db, shop.till.identity, refund_id)
    assert isinstance(found, RefundCompleted)
    return found


def test_a_refund_points_at_its_sale_and_pays_out(open_shop: Shop, sold: str) -> None:
    refund = fact(open_shop, give_back(open_shop, sold, Wanted(1, 1_000), Wanted(2, 1_000)))
    assert (refund.original_sale_id, refund.original_receipt_number) == (sold, "SGT-1-261122-0001")
    assert refund.receipt_number == "SGT-1-261122-0002"
    assert (refund.total, refund.rounding) == (9_050, -50)
    assert [(one.kind, one.amount) for one in refund.tenders] == [("cash", 9_000)]
    assert (refund.reason, refund.approved_by) == ("Rusak", RUDI.id)


def test_a_cashier_alone_refunds_nothing(open_shop: Shop, sold: str) -> None:
    with pytest.raises(ApprovalNeeded):
        give_back(open_shop, sold, Wanted(1, 1_000), approved_by=None)
    with pytest.raises(ReasonMissing):
        give_back(open_shop, sold, Wanted(1, 1_000), reason="")
    with pytest.raises(NothingToRefund):  # before a supervisor is called
        give_back(open_shop, sold, approved_by=None)


def test_no_more_comes_back_than_was_sold(open_shop: Shop, sold: str) -> None:
    give_back(open_shop, sold, Wanted(1, 2_000))
    assert [one.quantity_milli for one in refund_page(open_shop.till, sold).left] == [1_000, 1_000]
    with pytest.raises(RefundTooMuch):
        give_back(open_shop, sold, Wanted(1, 2_000))
    give_back(open_shop, sold, Wanted(1, 1_000), Wanted(2, 1_000))
    page = refund_page(open_shop.till, sold)
    assert page.left == ()
    assert sum(one.total for one in page.earlier) == page.sale.total == 18_050


def test_giving_back_twice_with_one_form_gives_back_once(open_shop: Shop, sold: str) -> None:
    form = an_id()
    first = give_back(open_shop, sold, Wanted(1, 1_000), refund_id=form)
    assert give_back(open_shop, sold, Wanted(1, 1_000), refund_id=form) == first
    assert len(refund_page(open_shop.till, sold).earlier) == 1


def test_a_form_cannot_choose_an_identity_of_its_own_making(open_shop: Shop, sold: str) -> None:
    with pytest.raises(ReceiptMissing):
        give_back(open_shop, sold, Wanted(1, 1_000), refund_id="' OR 1=1")


def test_a_card_refund_is_exact_and_by_reference(open_shop: Shop, sold: str) -> None:
    refund = fact(
        open_shop, give_back(open_shop, sold, Wanted(2, 1_000), kind="card", reference="R9")
    )
    assert [(one.kind, one.amount, one.reference) for one in refund.tenders] == [
        ("card", 4_550, "R9")
    ]
    assert refund.rounding == 0


def test_what_came_back_spoiled_does_not_go_into_stock(open_shop: Shop, sold: str) -> None:
    give_back(open_shop, sold, Wanted(1, 1_000, restocked=False))
    with open_shop.till.vault.reader() as db:
        moved = db.execute("SELECT count(*) FROM stock_movement WHERE kind = 'refund'").fetchone()
    assert moved == (0,)


def test_a_quote_writes_nothing(open_shop: Shop, sold: str) -> None:
    assert quote(open_shop.till, sold, [Wanted(1, 3_000)]).total == 13_500
    assert refund_page(open_shop.till, sold).earlier == []


def test_a_refund_cannot_be_refunded(open_shop: Shop, sold: str) -> None:
    refund = give_back(open_shop, sold, Wanted(1, 1_000))
    with pytest.raises(ReceiptMissing):
        refund_page(open_shop.till, refund)
    with pytest.raises(ReceiptMissing):
        refund_page(open_shop.till, an_id())


@pytest.mark.parametrize("asked", ["", "0001", "sgt-1-261122-0001", "1122"])
def test_a_receipt_is_found_by_its_number_or_a_part_of_it(
    open_shop: Shop, sold: str, asked: str
) -> None:
    with open_shop.till.vault.reader() as db:
        found = find_receipts(db, open_shop.till.identity, asked)
    assert [(one.sale_id, one.paid, one.change) for one in found] == [(sold, 18_000, 2_000)]


@pytest.mark.parametrize("asked", ["%", "_", "0002", "'"])
def test_what_is_in_no_number_finds_nothing(open_shop: Shop, sold: str, asked: str) -> None:
    with open_shop.till.vault.reader() as db:
        assert list(find_receipts(db, open_shop.till.identity, asked)) == []
