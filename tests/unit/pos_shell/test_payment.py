"""Payment: committed before it is shown as paid, exactly once, whatever is pressed twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pos_shell.parked.actions import hold_cart, resume_cart
from pos_shell.payment.actions import CartGone, TotalMoved, complete_sale, drop_offer, take_offer
from pos_shell.payment.queries import payment_page
from pos_shell.receipt.facts import recorded
from pos_shell.sale import actions
from pos_shell.sale.store import keep_cart, load_cart
from pos_shell.shift.actions import open_shift
from sentra.domain.payment import NotEnough, Offer, TooMuchWithoutCash
from sentra.events import SaleCompleted
from sentra.vault import journal
from tests.support.shop import DEWI, Shop


def sale_of(shop: Shop, sale_id: str) -> SaleCompleted:
    with shop.till.vault.reader() as db:
        _entry, fact = recorded(db, shop.till.identity, sale_id)
    assert isinstance(fact, SaleCompleted)
    return fact


def test_cash_is_rounded_on_a_line_of_its_own_and_change_is_given(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.coffee.code)
    sale = sale_of(open_shop, complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 10_000)]))
    assert (sale.total, sale.rounding, sale.tax_total) == (4550, -50, 451)
    assert [(one.kind, one.amount, one.received, one.change) for one in sale.tenders] == [
        ("cash", 4500, 10_000, 5500)
    ]
    assert sale.receipt_number == "SGT-1-261122-0001"
    assert sale.business_date == "2026-11-22"


def test_a_sale_is_journal_entry_rows_and_an_empty_cart_in_one_transaction(
    open_shop: Shop,
) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
    with till.vault.reader() as db:
        head = journal.head(db)
        row = db.execute("SELECT epoch, seq, receipt_number FROM sale").fetchone()
        assert row == (head.epoch, head.seq, "SGT-1-261122-0001")
        assert load_cart(db) is None
    assert journal.read_head_file(till.folder) == head


def test_pressing_paid_again_finds_the_sale_and_records_nothing(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    cash = [Offer("cash", 5_000)]
    first = complete_sale(till, DEWI, cart.sale_id, cash, expected_total=4500)
    assert complete_sale(till, DEWI, cart.sale_id, cash, expected_total=4500) == first
    with till.vault.reader() as db:
        assert db.execute("SELECT count(*) FROM sale").fetchone() == (1,)


def test_a_cart_that_came_back_with_an_old_copy_is_another_sale(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    cash = [Offer("cash", 5_000)]
    first = complete_sale(till, DEWI, cart.sale_id, cash)
    with till.vault.writer() as db:
        keep_cart(db, cart)
    second = complete_sale(till, DEWI, cart.sale_id, cash)
    assert second != first
    with till.vault.reader() as db:
        assert db.execute("SELECT sum(total) FROM sale").fetchone() == (9_000,)
        assert load_cart(db) is None


def test_two_presses_at_the_same_moment_make_one_sale(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    with ThreadPoolExecutor(8) as pool:
        made = [
            pool.submit(complete_sale, till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
            for _ in range(8)
        ]
        assert {one.result() for one in made} == {cart.sale_id}
    with till.vault.reader() as db:
        assert db.execute("SELECT count(*) FROM sale").fetchone() == (1,)


def test_a_late_press_does_not_pay_the_next_customers_cart(open_shop: Shop) -> None:
    till = open_shop.till
    first = actions.scan(till, DEWI, open_shop.tea.code)
    complete_sale(till, DEWI, first.sale_id, [Offer("cash", 5_000)])
    second = actions.scan(till, DEWI, open_shop.coffee.code)
    assert complete_sale(till, DEWI, first.sale_id, [Offer("cash", 5_000)]) == first.sale_id
    with till.vault.reader() as db:
        assert load_cart(db) == second


def test_too_little_cash_leaves_everything_as_it_was(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    with pytest.raises(NotEnough):
        complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 4_000)])
    with till.vault.reader() as db:
        assert load_cart(db) == cart
    sale = sale_of(open_shop, complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 4_500)]))
    assert sale.receipt_number == "SGT-1-261122-0001"


def test_a_voided_cart_cannot_be_paid(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    actions.void_cart(till, DEWI, "Salah")
    with pytest.raises(CartGone):
        complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 5_000)])


def test_a_total_that_moved_meanwhile_is_not_taken(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    actions.scan(till, DEWI, open_shop.tea.code)
    with pytest.raises(TotalMoved):
        complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 10_000)], expected_total=4500)


def test_card_and_cash_share_a_sale_and_only_the_cash_is_rounded(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.add_product(till, DEWI, open_shop.coffee.id, 3_000)
    assert not take_offer(till, cart.sale_id, Offer("card", 10_000, "AB12"))
    page = payment_page(till)
    assert (page.total, page.due, page.cash, page.rounding) == (13_650, 3_650, 3_600, -50)
    sale = sale_of(open_shop, complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 5_000)]))
    assert [(one.kind, one.amount, one.reference) for one in sale.tenders] == [
        ("card", 10_000, "AB12"),
        ("cash", 3_600, None),
    ]
    assert sum(one.amount for one in sale.tenders) == sale.total + sale.rounding


def test_a_charged_card_can_be_dropped_again(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    take_offer(till, cart.sale_id, Offer("card", 2_000, "X1"))
    assert [offer.reference for offer in payment_page(till).offers] == ["X1"]
    drop_offer(till, cart.sale_id, 0)
    assert list(payment_page(till).offers) == []


def test_a_charged_card_waits_with_its_cart_while_others_pay(open_shop: Shop) -> None:
    till = open_shop.till
    waiting = actions.scan(till, DEWI, open_shop.tea.code)
    take_offer(till, waiting.sale_id, Offer("card", 2_000, "X1"))
    hold_cart(till, DEWI)
    other = actions.scan(till, DEWI, open_shop.tea.code)
    take_offer(till, other.sale_id, Offer("card", 1_000, "X2"))
    complete_sale(till, DEWI, other.sale_id, [Offer("cash", 3_500)])
    resume_cart(till, DEWI, waiting.sale_id)
    assert [offer.reference for offer in payment_page(till).offers] == ["X1"]
    sale = sale_of(open_shop, complete_sale(till, DEWI, waiting.sale_id, [Offer("cash", 2_500)]))
    assert ("card", "X1") in [(one.kind, one.reference) for one in sale.tenders]


def test_a_qris_over_the_whole_total_needs_no_cash_and_no_rounding(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.coffee.code)
    assert take_offer(till, cart.sale_id, Offer("qris", 4_550, "Q-77"))
    sale = sale_of(open_shop, complete_sale(till, DEWI, cart.sale_id))
    assert (sale.rounding, [one.kind for one in sale.tenders]) == (0, ["qris"])


def test_a_card_cannot_be_charged_for_more_than_is_due(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    with pytest.raises(TooMuchWithoutCash):
        take_offer(till, cart.sale_id, Offer("card", 5_000, "X1"))
    assert list(payment_page(till).offers) == []


def test_quick_amounts_are_notes_a_customer_would_hand_over(open_shop: Shop) -> None:
    actions.add_product(open_shop.till, DEWI, open_shop.tea.id, 9_000)
    assert list(payment_page(open_shop.till).quick) == [40_500, 45_000, 50_000, 60_000, 100_000]


def test_receipt_numbers_go_on_past_midnight_under_the_shifts_day(open_shop: Shop) -> None:
    till, clock = open_shop.till, open_shop.clock
    numbers = []
    for _ in range(2):
        cart = actions.scan(till, DEWI, open_shop.tea.code)
        done = complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
        numbers.append(sale_of(open_shop, done).receipt_number)
        clock.forward(seconds=13 * 3600)
    assert numbers == ["SGT-1-261122-0001", "SGT-1-261122-0002"]


def test_a_till_of_another_currency_sells_in_pence(make: object) -> None:
    shop = make(currency="GBP")  # type: ignore[operator]  # the fixture's factory
    open_shift(shop.till, DEWI, 10_000)
    cart = actions.add_open_item(shop.till, DEWI, "Scone", 1_250)
    sale = sale_of(shop, complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", 2_000)]))
    assert (sale.currency, sale.total) == ("GBP", 1_250)
