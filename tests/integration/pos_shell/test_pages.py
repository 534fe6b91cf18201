"""The till's pages over HTTP: who may see them, what each step leads to, how a refusal reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pos_shell.parked.queries import parked_rows
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_cart
from sentra.web.permissions import unguarded_endpoints
from tests.support.shop import DEWI, DEWI_PIN, KEY, RUDI, RUDI_PIN, Shop, an_app, an_id

HTMX = {"HX-Request": "true"}


@dataclass
class Browser:
    """A browser at the till; forms are sent without the token, which one test checks by itself."""

    client: FlaskClient
    shop: Shop

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str, /, *, htmx: bool = True, **form: str) -> TestResponse:
        return self.client.post(path, data=form, headers=HTMX if htmx else {})

    def cart_id(self) -> str:
        with self.shop.till.vault.reader() as db:
            cart = load_cart(db)
        assert cart is not None
        return cart.sale_id


def a_browser(shop: Shop, *, opened: bool = True) -> Browser:
    app = an_app(shop)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    if opened:
        client.get(f"/?key={KEY}")
    return Browser(client, shop)


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return a_browser(shop)


@pytest.fixture
def selling(open_shop: Shop) -> Browser:
    return a_browser(open_shop)


def errors(response: TestResponse) -> list[str]:
    return re.findall(r"<li>(.*?)</li>", response.text)


def toast(response: TestResponse) -> str:
    return str(json.loads(response.headers["HX-Trigger"])["sentra:toast"]["message"])


# --- Who may ----------------------------------------------------------------------------------


def test_without_the_key_of_this_start_nothing_is_shown(shop: Shop) -> None:
    stranger = a_browser(shop, opened=False)
    for path in ("/", "/cashier/", "/sale/", "/sync/status", "/?key=wrong", "/?key=é"):
        assert stranger.get(path).status_code == 403
    assert stranger.get("/healthz").status_code == 200


def test_the_key_leaves_the_address_at_once(shop: Shop) -> None:
    answer = a_browser(shop, opened=False).get(f"/?key={KEY}")
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_page_of_another_name_that_points_here_is_refused(browser: Browser) -> None:
    assert browser.get("/cashier/", headers={"Host": "till.example.com"}).status_code == 403


def test_a_form_without_its_token_is_refused(browser: Browser) -> None:
    browser.client.application.config["WTF_CSRF_ENABLED"] = True
    answer = browser.post(f"/cashier/{DEWI.id}", htmx=False, pin=DEWI_PIN)
    assert answer.status_code == 400
    assert browser.shop.till.desk.person is None


def test_every_address_says_who_may_ask(shop: Shop) -> None:
    assert unguarded_endpoints(an_app(shop)) == []


def test_nobody_sells_before_signing_in(browser: Browser) -> None:
    for path in ("/sale/", "/payment/", "/receipts/", "/shift/", "/help/"):
        answer = browser.get(path)
        assert (answer.status_code, answer.location) == (303, "/")
    assert browser.post("/sale/scan", q=browser.shop.tea.code).headers["HX-Redirect"] == "/"


# --- From the start to the first sale ------------------------------------------------------------


def test_the_first_page_leads_to_the_step_that_is_due(browser: Browser) -> None:
    assert browser.get("/").location == "/cashier/"
    assert browser.post(f"/cashier/{DEWI.id}", htmx=False, pin=DEWI_PIN).location == "/"
    assert browser.get("/").location == "/shift/"
    assert browser.post("/shift/", htmx=False, opening_float="200.000").location == "/sale/"
    assert browser.get("/").location == "/sale/"
    browser.post("/cashier/leave", htmx=False)
    assert browser.get("/").location == "/cashier/"


def test_a_wrong_pin_is_a_sentence_on_the_pin_pad(browser: Browser) -> None:
    answer = browser.post(f"/cashier/{DEWI.id}", htmx=False, pin="907315")
    assert answer.status_code == 422
    assert "PIN itu salah. Coba lagi." in answer.text
    assert "Dewi" in answer.text


def test_a_locked_person_is_opened_again_by_a_supervisor_on_the_screen(browser: Browser) -> None:
    for tries in range(10):
        browser.post(f"/cashier/{DEWI.id}", htmx=False, pin="907315")
        browser.shop.clock.forward(seconds=31 * 2 ** max(tries - 4, 0))
    assert "approver_pin" in browser.get(f"/cashier/{DEWI.id}").text
    path = f"/cashier/{DEWI.id}/unlock"
    assert (
        browser.post(path, htmx=False, approver=RUDI.id, approver_pin="123450").status_code == 422
    )
    answer = browser.post(path, htmx=False, approver=RUDI.id, approver_pin=RUDI_PIN)
    assert answer.location == f"/cashier/{DEWI.id}"
    assert browser.post(f"/cashier/{DEWI.id}", htmx=False, pin=DEWI_PIN).location == "/"


def test_a_float_that_is_no_amount_is_said_so_and_what_was_typed_stays(browser: Browser) -> None:
    browser.post(f"/cashier/{DEWI.id}", htmx=False, pin=DEWI_PIN)
    answer = browser.post("/shift/", htmx=False, opening_float="dua ratus")
    assert answer.status_code == 422
    assert errors(answer)
    assert 'value="dua ratus"' in answer.text


# --- Selling -------------------------------------------------------------------------------------


def test_a_scan_answers_the_cart_alone_to_htmx_and_the_screen_to_a_plain_form(
    selling: Browser,
) -> None:
    part = selling.post("/sale/scan", q=selling.shop.tea.barcodes[0])
    assert part.text.lstrip().startswith('<section class="cart"')
    whole = selling.post("/sale/scan", htmx=False, q="2*" + selling.shop.tea.code)
    assert whole.location == "/sale/"
    assert '<span class="cart-quantity">3</span>' in selling.get("/sale/").text


def test_words_that_fit_several_products_show_them_and_one_is_sold_at_once(
    selling: Browser,
) -> None:
    several = selling.post("/sale/scan", q="te")
    assert several.headers["HX-Retarget"] == "#shelf"
    one = selling.post("/sale/scan", q="mocharetta")
    assert "Kopiko 78 °C Mocharetta" in one.text


def test_an_unknown_code_is_a_toast_and_the_cart_stays(selling: Browser) -> None:
    answer = selling.post("/sale/scan", q="8990000000000")
    assert answer.status_code == 409
    assert "8990000000000" in toast(answer)
    assert answer.text == ""


def test_a_dialog_comes_alone_or_before_its_screen(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.tea.code)
    for path in ("/sale/lines/1", "/sale/open-item", "/sale/discount", "/sale/note", "/sale/void"):
        alone, whole = selling.get(path, headers=HTMX).text, selling.get(path).text
        assert alone.lstrip().startswith("<dialog")
        assert "<dialog" in whole
        assert 'id="cart"' in whole


def test_a_mistake_in_a_dialog_comes_back_into_the_dialog(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.tea.code)
    answer = selling.post("/sale/discount", discount="9000", discount_kind="amount")
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#dialog")
    assert "Diskon" in errors(answer)[0]
    assert 'value="9000"' in answer.text


def test_amounts_are_typed_as_people_write_them(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.tea.code)
    changed = selling.post(
        "/sale/lines/1", quantity="1,5", unit_price="4.400", discount="10", discount_kind="percent"
    )
    assert changed.status_code == 200
    with selling.shop.till.vault.reader() as db:
        cart = load_cart(db)
    assert cart is not None
    line = cart.lines[0]
    assert (line.quantity_milli, line.unit_price) == (1_500, 4_400)
    assert line.discount is not None
    assert line.discount.permyriad == 1_000


def test_a_return_line_asks_for_a_supervisor(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.tea.code)
    refused = selling.post("/sale/lines/1", quantity="-1", unit_price="4500")
    assert refused.status_code == 422
    approver = {"approver": RUDI.id, "approver_pin": RUDI_PIN}
    approved = selling.post(
        "/sale/lines/1", htmx=True, quantity="-1", unit_price="4500", **approver
    )
    assert approved.status_code == 200
    assert "cart-minus" in approved.text


def test_holding_and_taking_up(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.tea.code)
    held = selling.cart_id()
    assert toast(selling.post("/parked/", label="Meja 1")) == "Ditahan."
    assert "Meja 1" in selling.get("/parked/", headers=HTMX).text
    selling.post(f"/parked/{held}")
    assert selling.cart_id() == held
    assert parked_rows(selling.shop.till) == []


def test_a_price_check_sells_nothing(selling: Browser) -> None:
    answer = selling.get("/sale/price-check?check=kopiko", headers=HTMX)
    assert "Rp\u00a04.550" in answer.text
    with selling.shop.till.vault.reader() as db:
        assert load_cart(db) is None


# --- Paying --------------------------------------------------------------------------------------


def test_paid_is_shown_with_change_receipt_and_the_journals_hash(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.coffee.code)
    done = selling.cart_id()
    answer = selling.post("/payment/", htmx=False, sale=done, total="4550", cash="10.000")
    assert answer.location == f"/receipts/{done}?paid=1"
    page = selling.get(answer.location)
    assert "Rp\u00a05.500" in page.text
    assert "SGT-1-261122-0001" in page.text
    assert re.search(r"# [0-9a-f]{4}·[0-9a-f]{4}", page.text)
    again = selling.post("/payment/", htmx=False, sale=done, total="4550", cash="10.000")
    assert again.location == answer.location


def test_too_little_says_how_much_is_missing_as_money(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.coffee.code)
    answer = selling.post("/payment/", htmx=False, sale=selling.cart_id(), cash="4000")
    assert answer.status_code == 422
    assert "Rp\u00a0500" in errors(answer)[0]


def test_a_quick_amount_counts_even_if_something_was_typed(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.tea.code)
    answer = selling.post("/payment/", htmx=False, sale=selling.cart_id(), cash="1", quick="5000")
    assert answer.status_code == 303


def test_a_card_needs_a_reference_and_completes_when_it_covers_the_rest(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.coffee.code)
    form = {"sale": selling.cart_id(), "kind": "card"}
    refused = selling.post("/payment/tenders", htmx=False, **form, amount="4550")
    assert refused.status_code == 422
    part = selling.post("/payment/tenders", htmx=False, **form, amount="550", reference="A1")
    assert part.location == "/payment/"
    assert "A1" in selling.get("/payment/").text
    rest = selling.post("/payment/tenders", htmx=False, **form, amount="4000", reference="A2")
    assert rest.location is not None
    assert rest.location.startswith("/receipts/")


def test_an_empty_cart_has_nothing_to_pay(selling: Browser) -> None:
    assert selling.get("/payment/").location == "/sale/"


def test_the_receipt_is_a_pdf_of_80_mm_and_a_second_one_says_copy(selling: Browser) -> None:
    sale.scan(selling.shop.till, DEWI, selling.shop.coffee.code)
    done = selling.cart_id()
    selling.post("/payment/", htmx=False, sale=done, cash="10000")
    first = selling.get(f"/receipts/{done}.pdf")
    assert first.content_type == "application/pdf"
    assert first.data.startswith(b"%PDF-")
    assert b"/MediaBox [0 0 226.77" in first.data
    assert first.data == selling.get(f"/receipts/{done}.pdf").data
    assert first.data != selling.get(f"/receipts/{done}.pdf?copy=1").data


# --- Afterwards ----------------------------------------------------------------------------------


@pytest.fixture
def sold(selling: Browser) -> str:
    sale.add_product(selling.shop.till, DEWI, selling.shop.tea.id, 2_000)
    done = selling.cart_id()
    selling.post("/payment/", htmx=False, sale=done, cash="10000")
    return done


def test_a_receipt_says_where_its_entry_has_arrived(selling: Browser, sold: str) -> None:
    page = selling.get(f"/receipts/{sold}").text
    assert page.count("belum") >= 2
    found = selling.get("/receipts/?q=0001", headers=HTMX).text
    assert "SGT-1-261122-0001" in found
    assert "<html" not in found


def test_a_refund_is_approved_on_its_form(selling: Browser, sold: str) -> None:
    form = {"refund": an_id(), "quantity_1": "1", "reason": "Rusak"}
    assert selling.post(f"/refunds/{sold}", htmx=False, **form).status_code == 422
    done = selling.post(
        f"/refunds/{sold}", htmx=False, **form, approver=RUDI.id, approver_pin=RUDI_PIN
    )
    assert done.location is not None
    assert "SGT-1-261122-0002" in selling.get(done.location).text
    assert selling.get(f"/receipts/{an_id()}").status_code == 409


def test_a_cashier_counts_without_knowing_and_a_supervisor_may_look(
    selling: Browser, sold: str
) -> None:
    expected = "Rp\u00a0209.000"
    for path in ("/shift/", "/shift/close", "/shift/report"):
        assert expected not in selling.get(path).text
    shown = selling.post("/shift/report", htmx=False, approver=RUDI.id, approver_pin=RUDI_PIN)
    assert expected in shown.text
    closed = selling.post("/shift/close", htmx=False, pieces_100000="2", pieces_5000="1")
    assert closed.location is not None
    summary = selling.get(closed.location).text
    assert expected in summary
    assert "\u2212Rp\u00a04.000" in summary


def test_paying_out_needs_a_supervisor_and_paying_in_does_not(selling: Browser) -> None:
    form = {"amount": "5000", "reason": "galon"}
    assert selling.post("/shift/cash", htmx=False, kind="paid_out", **form).status_code == 422
    assert selling.post("/shift/cash", htmx=False, kind="paid_in", **form).status_code == 303


def test_the_stream_wakes_and_the_pills_are_the_vaults_own(selling: Browser, sold: str) -> None:
    assert "Cloud: 2 menunggu" in selling.get("/sync/status").text
    stream = selling.client.get("/sync/stream", buffered=False)
    heard = b"".join(next(stream.response) for _ in range(2))  # type: ignore[call-overload]
    stream.close()
    assert b"data: sync\n\n" in heard


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_page_speaks_both_languages(selling: Browser, sold: str, language: str) -> None:
    words = {"id": ("Struk", "Bayar", "Laci"), "en": ("Receipts", "Pay", "Drawer")}[language]
    pages = ("/receipts/", "/sale/", "/shift/")
    for path, word in zip(pages, words, strict=True):
        assert word in selling.get(f"{path}?lang={language}").text


# --- A new till ----------------------------------------------------------------------------------


def test_an_enrolled_till_without_its_feed_waits_for_it(make: Callable[..., Shop]) -> None:
    waiting = a_browser(make(fed=False))
    assert waiting.get("/").location == "/enrolment/waiting"
    page = waiting.get("/enrolment/waiting")
    assert "vault.key" in page.text
    part = waiting.get("/enrolment/waiting", headers=HTMX)
    assert "<html" not in part.text
