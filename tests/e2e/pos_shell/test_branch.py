"""What a till shows of its branch: carts on hold and receipts of the other tills; in every look."""

from __future__ import annotations

from msgspec import Raw, convert
from msgspec.json import encode
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from pos_shell.parked.actions import hold_cart
from pos_shell.payment.actions import complete_sale
from pos_shell.receipt.facts import recorded
from pos_shell.sale import actions as sale
from sentra.domain.payment import Offer
from sentra.events import SaleCompleted
from sentra.protocol.bodies import encode_fact
from sentra.protocol.branch import (
    Board,
    BranchStock,
    DaySums,
    FactNote,
    FoundSale,
    OfferedOrder,
    ParkedOrder,
    ProductStock,
    ReadJournal,
    TakenOrder,
    TenderTotal,
)
from sentra.vault import sharing
from sentra.vault.sharing import SILENT, Answer
from tests.e2e.browser import assert_accessible, assert_fits, in_looks, shoot
from tests.support.router_talk import answering, hear
from tests.support.sharing import day_totals, terminal_totals
from tests.support.shop import DEVICE_ID, DEWI, RUDI, Shop, an_id


def test_carts_on_hold_show_those_of_the_other_tills(shop: Shop, selling: Page) -> None:
    """One here, one that another till has taken up, and one that waits there: the screen of a till
    that nobody touches tells how many there are."""
    till = shop.till
    expect(selling.locator("#carts-waiting")).to_be_empty()
    offers = []
    for product, label in ((shop.tea, "Meja 1"), (shop.coffee, "Bu Ratna"), (shop.tea, "Meja 4")):
        sale.scan(till, DEWI, product.code)
        offers.append(sharing.offer_of(hold_cart(till, DEWI, label)))
    shown = {name: getattr(offers[2], name) for name in ParkedOrder.__struct_fields__}
    there = OfferedOrder(**shown, terminal="other", terminal_name="Kasir 2")
    gone = TakenOrder(parking_id=offers[1].parking_id, terminal="other", terminal_name="Kasir 3")
    with till.vault.writer() as db:
        sharing.keep_parked(db, sharing.load_parked(db)[:2])
        sharing.put_board(db, Board(orders=(there,), taken=(gone,)), shop.clock())
    expect(selling.locator("#carts-waiting")).to_have_text("2 ditahan")
    selling.keyboard.press("F6")
    dialog = selling.locator("#parked-dialog")
    expect(dialog.get_by_role("button", name="Lanjutkan").first).to_be_focused()
    expect(dialog).to_contain_text("Kasir 2")
    expect(dialog).to_contain_text("Dilanjutkan di Kasir 3")
    assert_accessible(selling)
    selling.goto(selling.url.split("/sale")[0] + "/parked/")
    shoot(selling, "till-parked-in-the-branch")


def test_a_receipt_of_another_till_is_found_and_given_back(shop: Shop, selling: Page) -> None:
    """While the router answers, and when it does not any more: then a PIN is asked for."""
    till, start = shop.till, selling.url.split("/sale")[0]
    cart = sale.add_product(till, DEWI, shop.tea.id, 2_000)
    complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 9_000)])
    with till.vault.reader() as db:
        _entry, own = recorded(db, till.identity, cart.sale_id)
    assert isinstance(own, SaleCompleted)
    there = replace(own, sale_id=an_id(), receipt_number="SGT-2-261122-0147")
    kind, schema, body = encode_fact(there)
    found = FoundSale(
        terminal="other", terminal_name="Kasir 2", sale=FactNote(kind, schema, Raw(body))
    )
    hear(shop)
    answering(shop, lambda _question: Answer(None, encode(found)))
    selling.goto(f"{start}/receipts/?q={there.receipt_number}")
    expect(selling.locator("#found")).to_contain_text("Dijual di Kasir 2")
    assert_accessible(selling)
    answering(shop, lambda _question: Answer(SILENT))
    selling.goto(f"{start}/receipts/?q=SGT-2-261122-0148")
    expect(selling.locator("#found")).to_contain_text("router tidak menjawab")
    selling.goto(f"{start}/refunds/{there.sale_id}")
    expect(selling.get_by_text("Router tidak menjawab")).to_be_visible()
    assert_accessible(selling)
    shoot(selling, "till-refund-of-another-till")
    answering(shop, lambda _question: Answer(None, encode(found)))
    selling.goto(f"{start}/receipts/?q={there.receipt_number}")
    shoot(selling, "till-receipt-of-another-till")


def test_a_price_check_tells_what_the_branch_sold(shop: Shop, selling: Page) -> None:
    """A product of counted stock and one that nobody counted; one till was not heard lately."""
    values: dict[str, object] = {
        "terminal": "2", "terminal_name": "Kasir 2", "begun_epoch": 1, "begun_seq": 0, "epoch": 1,
        "seq": 9, "behind": 0, "heard_ms_ago": 100_000, "is_whole": True, "unread": 0,
    }  # fmt: skip
    moved = {"sold_on_day_milli": 17_000, "sold_milli": 17_000, "moved_milli": 60_000}
    products = (
        ProductStock(product=shop.tea.id, level_milli=43_000, **moved),
        ProductStock(product=shop.coffee.id, level_milli=None, **moved),
    )
    journals = (convert(values, ReadJournal),)
    told = BranchStock(business_date="2026-11-22", products=products, journals=journals)
    hear(shop)
    answering(shop, lambda _question: Answer(None, encode(told)))
    start = selling.url.split("/sale")[0]
    selling.goto(f"{start}/sale/price-check?check=b")
    expect(selling.locator("#price-dialog")).to_contain_text("Ada di cabang: 43")
    expect(selling.locator("#price-dialog")).to_contain_text("Terjual di cabang hari ini: 17")
    assert_accessible(selling)
    for _look in in_looks(selling):
        assert_fits(selling)
    shoot(selling, "till-price-check-in-the-branch")


def test_the_x_report_shows_the_whole_branch(shop: Shop, selling: Page) -> None:
    """While the router answers, with a till behind and one unheard, and when it does not."""
    till, start = shop.till, selling.url.split("/sale")[0]
    till.desk.person = RUDI
    tenders = {"cash": TenderTotal(count=60, amount=2_700_000), "qris": TenderTotal(count=4)}
    together = DaySums(
        sale_count=65, refund_count=1, gross_sales=2_925_000, refunds_total=45_000,
        discount_total=12_500, goods_total=2_880_000, tax_total=285_405, total=2_880_000,
        rounding=-300, tenders=tenders,
    )  # fmt: skip
    tills = (
        terminal_totals(DEVICE_ID, "Kasir 1", 24),
        terminal_totals("2", "Kasir 2 Lantai Atas", 41, behind=12, heard_ms_ago=540_000),
        terminal_totals("3", "Kasir 3", 0, heard_ms_ago=None, is_whole=False),
    )
    hear(shop)
    selling.goto(f"{start}/shift/report")
    expect(selling.locator("#branch-day")).to_contain_text("Router belum memberi kabar")
    with till.vault.writer() as db:
        date = str(sharing.business_date(db))
        sharing.put_totals(db, day_totals(date, together, *tills), shop.clock())
    selling.reload()
    expect(selling.locator("#branch-day")).to_contain_text("12 entri belum dihitung")
    assert_accessible(selling)
    for _look in in_looks(selling):
        assert_fits(selling)
    shoot(selling, "till-whole-branch")
    shop.clock.forward(seconds=1_200)
    selling.reload()
    expect(selling.locator("#branch-day .alert")).to_be_visible()
    shoot(selling, "till-whole-branch-without-router")
