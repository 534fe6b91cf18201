"""The back office at work: live, by keyboard, by the back button, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import head_moved
from sentra.instants import local_date
from tests.e2e.browser import settled
from tests.present import NOW_MS
from tests.support.books import Books
from tests.support.chain import PASSWORD, Chain
from tests.support.trade import Cashier, Day

Enter = Callable[..., Page]


def sell_more(engine: Engine, chain: Chain, redis: RedisClient) -> None:
    """Some sales arrive from a till of Sangatta, and the sync service says so."""
    till = copy(chain.tills["SGT-1"])
    day = Day(
        till,
        Cashier(chain.people["Wayan"], "Wayan"),
        local_date(NOW_MS, till.zone),
        6,
        seed=7,
        until_ms=NOW_MS,
    )
    with engine.begin() as connection:
        Books(connection).record(till, day.facts())
    head_moved(redis, till.branch_id, till.id, epoch=1, seq=till.head.seq)


def test_the_dashboard_moves_by_itself_when_a_sale_arrives(
    sign_in: Enter, as_owner: Engine, chain: Chain, redis_client: RedisClient
) -> None:
    page = sign_in()
    expect(page.get_by_text("Live")).to_be_visible()
    settled(page)
    tickets = page.locator("#today .stat-value").nth(1)
    before = tickets.inner_text()
    page.evaluate("window.notReloaded = true")
    sell_more(as_owner, chain, redis_client)
    expect(tickets).not_to_have_text(before)
    assert page.evaluate("window.notReloaded")


def test_a_filter_is_an_address_that_reload_and_back_understand(
    sign_in: Enter, office: str
) -> None:
    page = sign_in()
    page.goto(f"{office}/sales")
    page.get_by_label("Kind").select_option("refund")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("kind=refund"))
    settled(page)
    rows = page.locator("#sales-list tbody tr").count()
    page.reload()
    expect(page.locator("#sales-list tbody tr")).to_have_count(rows)
    page.get_by_role("link", name="Total").click()
    expect(page).to_have_url(re.compile("sort=total"))
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Total")
    settled(page)
    page.locator(".row-link").first.click()
    expect(page.get_by_role("navigation", name="You are here")).to_be_visible()
    settled(page)
    page.go_back()
    expect(page).to_have_url(re.compile("kind=refund.*sort=total"))
    expect(page.locator("#sales-list tbody tr")).to_have_count(rows)


def test_the_list_turns_its_pages_in_place_and_by_address(sign_in: Enter, office: str) -> None:
    page = sign_in()
    page.goto(f"{office}/sales")
    first = page.locator(".row-link").first
    top = first.inner_text()
    page.get_by_role("link", name="Next page").click()
    expect(first).not_to_have_text(top)
    expect(page).to_have_url(re.compile("after="))
    settled(page)
    second = first.inner_text()
    page.reload()
    expect(first).to_have_text(second)
    settled(page)
    page.get_by_role("link", name="Previous page").click()
    expect(first).to_have_text(top)


def test_the_search_is_a_key_away_and_finds_a_receipt(sign_in: Enter, office: str) -> None:
    page = sign_in()
    page.goto(f"{office}/sales")
    number = page.locator(".row-link").nth(4).inner_text()
    page.goto(f"{office}/branches")
    page.keyboard.press("/")
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    expect(page.locator(".row-link")).to_have_text([number])
    settled(page)
    page.locator(".row-link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(number)


def test_revoking_asks_first_and_says_what_will_happen(
    sign_in: Enter, office: str, chain: Chain
) -> None:
    page = sign_in()
    page.goto(f"{office}/branches/{chain.branches['SGT']}")
    opener = page.get_by_role("button", name="Revoke Kasir 2")
    opener.click()
    dialog = page.get_by_role("dialog", name="Revoke Kasir 2?")
    expect(dialog).to_contain_text("What it recorded stays")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Kasir 2 is revoked.")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke Kasir 2")).to_have_count(0)


def test_an_exception_is_closed_with_a_note_and_leaves_the_inbox(
    sign_in: Enter, office: str
) -> None:
    page = sign_in("budi")
    page.goto(f"{office}/exceptions")
    expect(page.locator("#exceptions-list tbody tr")).to_have_count(3)
    settled(page)
    page.get_by_role("link", name="More was sold than was there", exact=True).click()
    page.get_by_label("What you found or did").fill("Counted again")
    page.get_by_role("button", name="Close it").click()
    expect(page.locator("#exceptions-list tbody tr")).to_have_count(2)
    expect(page.get_by_text("Closed. It stays")).to_be_visible()


def test_it_works_without_scripts(browser: Browser, office: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{office}/sales?kind=refund&lang=en")
        page.get_by_label("Sign-in name").fill("ratna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile("/sales.kind=refund"))
        page.get_by_label("Kind").select_option("void")
        page.get_by_role("button", name="Show").click()
        page.locator(".row-link").first.click()
        expect(page.get_by_text("This cart was given up before it was paid")).to_be_visible()
        page.goto(f"{office}/today")
        page.get_by_label("Branch", exact=True).select_option(label="Sangatta")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("branch="))


def test_the_menu_of_a_phone_opens_and_closes(sign_in: Enter, office: str) -> None:
    page = sign_in()
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{office}/shifts")
    menu = page.get_by_role("navigation", name="Main menu")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    menu.get_by_role("link", name="Branches").click()
    expect(page).to_have_url(f"{office}/branches")
