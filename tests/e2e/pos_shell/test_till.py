"""A cashier's day in a real browser: by keyboard, by scanner, by fingers; in every look."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from pos_shell.payment.actions import complete_sale
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_cart
from pos_shell.shift.actions import close_shift, open_shift
from pos_shell.till import Till
from sentra.domain.payment import Offer
from sentra.vault import journal
from sentra.vault.epochs import Forked, note_fork
from tests.e2e.browser import assert_accessible, assert_fits, in_looks, settled, shoot
from tests.support.shop import BRANCH_ID, DEWI, DEWI_PIN, KEY, RUDI, RUDI_PIN, Shop, an_app

SCANNER_GAP_MS = 5
PILLS_S_MAX = 2.0
PILL_TRIES_MAX = 3


def scan(page: Page, code: str) -> None:
    """Type as a scanner does: faster than anybody, Enter at the end."""
    page.keyboard.type(code, delay=SCANNER_GAP_MS)
    page.keyboard.press("Enter")


def test_a_cashiers_day_by_keyboard(shop: Shop, address: str, page: Page) -> None:
    page.goto(address)
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="Dewi")).to_be_visible()
    settled(page)
    page.keyboard.type("907315")
    expect(page.get_by_role("alert")).to_contain_text("PIN itu salah")
    settled(page)
    page.keyboard.type(DEWI_PIN)
    expect(page.get_by_role("heading", name="Buka shift")).to_be_visible()
    settled(page)
    page.keyboard.type("200000")
    page.keyboard.press("F9")
    expect(page.locator("#cart")).to_be_visible()
    settled(page)

    scan(page, shop.tea.barcodes[0])
    scan(page, "2*" + shop.coffee.code)
    expect(page.locator(".cart-line")).to_have_count(2)
    settled(page)
    page.keyboard.press("+")
    expect(page.locator(".cart-line[aria-current] .cart-quantity")).to_have_text("3")
    settled(page)
    page.keyboard.press("ArrowUp")
    expect(page.locator(".cart-line[aria-current] .cart-name")).to_have_text("Teh Botol 350 ml")
    settled(page)
    page.keyboard.press("F4")
    expect(page.get_by_role("dialog")).to_be_visible()
    settled(page)
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".cart-line[aria-current] .cart-quantity")).to_have_text("4")
    settled(page)
    page.keyboard.press("F7")
    expect(page.get_by_role("dialog")).to_be_visible()
    settled(page)
    page.keyboard.type("10")
    page.keyboard.press("F9")
    expect(page.locator(".cart-total dd")).to_have_text("Rp\u00a028.485")
    settled(page)

    page.keyboard.press("F9")
    expect(page.locator("#cash")).to_be_focused()
    settled(page)
    page.keyboard.type("50000")
    page.keyboard.press("Enter")
    expect(page.locator(".change-amount")).to_have_text("Rp\u00a021.600")
    expect(page.locator(".paper")).to_contain_text("SGT-1-261122-0001")
    settled(page)
    page.keyboard.press("Enter")
    expect(page.locator(".cart-empty")).to_be_visible()
    expect(page.locator(".till-last")).to_contain_text("SGT-1-261122-0001")
    settled(page)

    page.keyboard.press("F11")
    expect(page.get_by_role("heading", name="Shift 1")).to_be_visible()
    settled(page)
    page.keyboard.press("F10")
    expect(page.locator("#pieces_100000")).to_be_focused()
    settled(page)
    page.keyboard.type("2")
    expect(page.locator("[data-count-total]")).to_have_text(re.compile(r"Rp\s200\.000"))
    page.keyboard.press("F9")
    expect(page.get_by_role("heading", name="Uang di laci kurang")).to_be_visible()


def test_a_cashiers_day_by_touch(shop: Shop, address: str, browser: Browser) -> None:
    with browser.new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_role("link", name="Dewi").tap()
        expect(page.get_by_role("heading", name="Dewi")).to_be_visible()
        settled(page)
        for digit in DEWI_PIN:
            page.locator(f"[data-digit='{digit}']").tap()
        expect(page.get_by_role("heading", name="Buka shift")).to_be_visible()
        settled(page)
        for digit in ("2", "0", "0", "000"):
            page.locator(f"[data-digit='{digit}']").tap()
        page.get_by_role("button", name="Buka shift").tap()
        expect(page.locator("#cart")).to_be_visible()
        settled(page)
        page.get_by_role("button", name="Teh Botol 350 ml").tap()
        expect(page.locator(".cart-line")).to_have_count(1)
        settled(page)
        page.get_by_role("link", name="Minuman").tap()
        expect(page.get_by_role("link", name="Minuman")).to_have_attribute("aria-current", "true")
        settled(page)
        page.get_by_role("button", name="Kopiko").tap()
        expect(page.locator(".cart-line")).to_have_count(2)
        settled(page)
        page.get_by_role("button", name="Tambah satu").tap()
        expect(page.locator(".cart-line[aria-current] .cart-quantity")).to_have_text("2")
        settled(page)
        page.get_by_role("button", name="Teh Botol 350 ml").last.tap()
        expect(page.locator(".cart-line[aria-current] .cart-name")).to_have_text("Teh Botol 350 ml")
        settled(page)
        page.get_by_role("button", name="Keluarkan baris").tap()
        expect(page.locator(".cart-line")).to_have_count(1)
        settled(page)
        page.get_by_role("link", name="Bayar").tap()
        expect(page.locator("#cash")).to_be_focused()
        settled(page)
        page.locator(".quick-amounts .btn").nth(2).tap()
        expect(page.locator(".change-amount")).to_have_text("Rp\u00a0900")
        page.get_by_role("link", name="Penjualan baru").tap()
        expect(page.locator(".cart-empty")).to_be_visible()


def test_a_scan_works_wherever_the_focus_is(shop: Shop, selling: Page) -> None:
    scan(selling, shop.tea.barcodes[0])
    expect(selling.locator(".cart-line")).to_have_count(1)
    settled(selling)
    selling.locator(".chip").first.focus()
    scan(selling, shop.coffee.barcodes[0])
    expect(selling.locator(".cart-line")).to_have_count(2)
    settled(selling)
    selling.locator("#main").click(position={"x": 5, "y": 5})
    scan(selling, shop.coffee.barcodes[0])
    expect(selling.locator(".cart-line[aria-current] .cart-quantity")).to_have_text("2")
    expect(selling.locator("[data-scan]")).to_have_value("")


def test_a_code_that_is_not_found_is_replaced_by_the_next_scan(shop: Shop, selling: Page) -> None:
    scan(selling, "8990000000000")
    expect(selling.locator(".toast")).to_contain_text("8990000000000")
    settled(selling)
    scan(selling, shop.tea.barcodes[0])
    expect(selling.locator(".cart-line")).to_have_count(1)


def test_searching_as_one_types_and_choosing_with_the_arrows(selling: Page) -> None:
    selling.keyboard.type("tel aya", delay=60)
    expect(selling.locator(".tile")).to_have_count(1)
    expect(selling.locator(".tile")).to_contain_text("Telur ayam")
    settled(selling)
    selling.keyboard.press("ArrowDown")
    expect(selling.locator(".tile")).to_be_focused()
    selling.keyboard.press("Enter")
    expect(selling.locator(".cart-line .cart-name")).to_have_text("Telur ayam (timbang)")
    expect(selling.locator("[data-scan]")).to_have_value("")
    expect(selling.locator("[data-scan]")).to_be_focused()


def test_a_void_above_the_limit_asks_for_a_supervisor(shop: Shop, selling: Page) -> None:
    sale.add_product(shop.till, DEWI, shop.tea.id, 20_000)
    selling.reload()
    settled(selling)
    selling.keyboard.press("F10")
    dialog = selling.get_by_role("dialog")
    expect(dialog).to_be_visible()
    settled(selling)
    dialog.get_by_role("button", name="Batalkan keranjang").click()
    expect(dialog.get_by_role("alert")).to_contain_text("supervisor")
    settled(selling)
    dialog.get_by_label("PIN").fill(RUDI_PIN)
    dialog.get_by_role("button", name="Batalkan keranjang").click()
    expect(selling.locator(".cart-empty")).to_be_visible()


def test_a_restart_offers_the_open_cart_again(
    shop: Shop, selling: Page, serve: Callable[[Flask], str]
) -> None:
    scan(selling, shop.tea.barcodes[0])
    expect(selling.locator(".cart-line")).to_have_count(1)
    # The open page would go to the sign-in by itself, and into the way of the new start's page.
    selling.goto("about:blank")
    shop.till.desk.person = None
    again = serve(an_app(shop)) + f"/?key={KEY}"
    selling.goto(again)
    selling.get_by_role("link", name="Dewi").click()
    expect(selling.get_by_role("heading", name="Dewi")).to_be_visible()
    settled(selling)
    selling.keyboard.type(DEWI_PIN)
    expect(selling.locator(".cart-line .cart-name")).to_have_text("Teh Botol 350 ml")


def test_pressing_paid_twice_makes_one_sale(shop: Shop, selling: Page) -> None:
    scan(selling, shop.tea.barcodes[0])
    expect(selling.locator(".cart-line")).to_have_count(1)
    settled(selling)
    selling.keyboard.press("F9")
    expect(selling.locator("#cash")).to_be_focused()
    settled(selling)
    selling.evaluate(
        "() => { const f = document.querySelector('form[action=\"/payment/\"]');"
        " document.getElementById('cash').value = '5000'; f.requestSubmit(); f.requestSubmit(); }"
    )
    expect(selling.locator(".change-amount")).to_have_text("Rp\u00a0500")
    with shop.till.vault.reader() as db:
        assert db.execute("SELECT count(*) FROM sale").fetchone() == (1,)
        assert load_cart(db) is None


def test_the_pills_turn_true_within_two_seconds_of_an_acknowledgement(
    shop: Shop, selling: Page
) -> None:
    pill = selling.locator("#till-status")
    took_s: list[float] = []
    # A machine that is busy with other tests may be late once; a till that is late is so each time.
    while not took_s or (min(took_s) > PILLS_S_MAX and len(took_s) < PILL_TRIES_MAX):
        cart = sale.scan(shop.till, DEWI, shop.tea.code)
        complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", 5_000)])
        expect(pill).to_contain_text(re.compile(r"Cloud: \d+ menunggu"))
        with shop.till.vault.writer() as db:
            journal.set_watermark(db, "cloud", journal.head(db), shop.clock(), None)
        acknowledged_s = time.monotonic()
        expect(pill).to_contain_text("Cloud: semua tersimpan")
        took_s.append(time.monotonic() - acknowledged_s)
    assert min(took_s) <= PILLS_S_MAX, took_s


def test_a_refund_from_the_list_of_receipts(shop: Shop, selling: Page) -> None:
    cart = sale.add_product(shop.till, DEWI, shop.tea.id, 2_000)
    complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", 10_000)])
    selling.reload()
    settled(selling)
    selling.keyboard.press("F5")
    expect(selling.get_by_role("heading", name="Struk", exact=True)).to_be_visible()
    settled(selling)
    with selling.expect_response(lambda answer: "0001" in answer.url):
        selling.keyboard.type("0001", delay=60)
    settled(selling)
    selling.get_by_role("link", name="SGT-1-261122-0001").click()
    expect(selling.get_by_role("heading", name="SGT-1-261122-0001")).to_be_visible()
    settled(selling)
    selling.keyboard.press("F7")
    expect(selling.get_by_role("button", name="Semuanya")).to_be_visible()
    settled(selling)
    selling.get_by_role("button", name="Semuanya").click()
    selling.get_by_label("PIN").fill(RUDI_PIN)
    selling.keyboard.press("F9")
    expect(selling.locator(".change-amount")).to_have_text("Rp\u00a09.000")
    expect(selling.locator(".paper")).to_contain_text("RETUR")


def prepare(shop: Shop) -> str:
    """A shop with something on every screen; returns a sale's id."""
    shop.till.desk.person = DEWI
    open_shift(shop.till, DEWI, 200_000)
    cart = sale.scan(shop.till, DEWI, shop.coffee.code)
    done = complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", 10_000)])
    sale.scan(shop.till, DEWI, shop.tea.code)
    sale.add_product(shop.till, DEWI, shop.coffee.id, 3_000)
    sale.add_product(shop.till, DEWI, shop.eggs.id, -1_250, approved_by=RUDI.id)
    return done


SCREENS = {
    "choose": "/cashier/",
    "pin": f"/cashier/{DEWI.id}",
    "sell": "/sale/",
    "search": "/sale/?q=zzzz",
    "line": "/sale/lines/1",
    "open-item": "/sale/open-item",
    "discount": "/sale/discount",
    "note": "/sale/note",
    "void": "/sale/void",
    "price-check": "/sale/price-check?check=kopiko",
    "parked": "/parked/",
    "payment": "/payment/",
    "paid": "/receipts/{sale}?paid=1",
    "receipt": "/receipts/{sale}",
    "receipts": "/receipts/",
    "refund": "/refunds/{sale}",
    "drawer": "/shift/",
    "x-report": "/shift/report",
    "count": "/shift/close",
    "keys": "/help/",
}


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_accessible_and_fits_in_every_look(
    name: str, shop: Shop, address: str, page: Page
) -> None:
    done = prepare(shop)
    page.goto(address)
    page.goto(address.partition("/?")[0] + SCREENS[name].format(sale=done))
    for _look in in_looks(page):
        assert_accessible(page)
        assert_fits(page)
    shoot(page, f"till-{name}")


def test_what_comes_before_and_after_selling_is_accessible_too(
    make: Callable[..., Shop], serve: Callable[[Flask], str], page: Page, tmp_path: Path
) -> None:
    closed, waiting, ended = make("closed"), make("waiting", fed=False), make("ended")
    closed.till.desk.person = ended.till.desk.person = RUDI
    open_shift(ended.till, RUDI, 200_000)
    shift_id = close_shift(ended.till, RUDI, counted_cash=190_000).shift_id
    twice = make("twice")
    with twice.till.vault.writer() as db:
        note_fork(db, Forked(at_ms=twice.clock(), stored=3))
    new = replace(waiting, till=Till(tmp_path / "new", waiting.clock, waiting.till.random_bytes))
    pages = {
        "open": (closed, "/shift/"),
        "waiting": (waiting, "/enrolment/waiting"),
        "enter": (new, "/enrolment/"),
        "z-report": (ended, f"/shift/{shift_id}"),
        "twice": (twice, "/cashier/"),
        "anew": (twice, "/enrolment/anew"),
    }
    for name, (shop, path) in pages.items():
        start = serve(an_app(shop))
        page.goto(f"{start}/?key={KEY}")
        page.goto(start + path)
        for _look in in_looks(page):
            assert_accessible(page)
            assert_fits(page)
        shoot(page, f"till-{name}")


def test_the_payment_screen_needs_no_scrolling_on_the_smallest_usual_till(
    shop: Shop, address: str, page: Page
) -> None:
    prepare(shop)
    sale.add_product(shop.till, DEWI, shop.tea.id, 20_000)
    page.goto(address)
    page.goto(address.partition("/?")[0] + "/payment/?lang=en")
    button = page.get_by_role("button", name="Paid").bounding_box()
    assert button is not None
    assert button["y"] + button["height"] <= 768 - 34


def test_a_new_price_is_offered_and_taken_when_asked(shop: Shop, selling: Page) -> None:
    from sentra.events import Price
    from sentra.protocol.feed import COMPANY

    scan(selling, shop.tea.barcodes[0])
    expect(selling.locator(".cart-total dd")).to_have_text("Rp\u00a04.500")
    dearer = replace(shop.tea, prices=(Price(5_000),))
    shop.publish(COMPANY, ("product", dearer, dearer.id))
    settled(selling)
    selling.reload()
    expect(selling.locator(".cart-total dd")).to_have_text("Rp\u00a04.500")
    settled(selling)
    selling.get_by_role("button", name="Pakai harga baru").click()
    expect(selling.locator(".cart-total dd")).to_have_text("Rp\u00a05.000")


def test_a_person_whom_the_back_office_adds_appears_on_the_next_look(
    shop: Shop, address: str, page: Page
) -> None:
    shop.publish(BRANCH_ID, ("person", None, RUDI.id))
    page.goto(address)
    expect(page.locator(".person-tile")).to_have_count(1)
