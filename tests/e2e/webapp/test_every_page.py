"""Every page of the back office, in both languages and themes, on a desk and on a phone.

One person looks at all of them in turn: what a page is made of is tested in every look by the
gallery, so each page is seen in two looks that differ in everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from playwright.sync_api import Page, expect
from sqlalchemy import Engine, insert

from sentra.cloud.tables import proof
from tests.e2e.browser import DESK, PHONE, assert_accessible, assert_fits, in_looks, settled, shoot
from tests.present import NOW_MS
from tests.support.chain import Chain

Enter = Callable[..., Page]

LOOKS = (("light", "id", DESK), ("dark", "en", PHONE))

PAGES = {
    "today": "/today",
    "sales": "/sales",
    "sales-of-a-day": "/sales?from=2026-11-21&to=2026-11-21&tender=cash",
    "sales-none": "/sales?q=nothing-like-this",
    "shifts": "/shifts",
    "exceptions": "/exceptions",
    "branches": "/branches",
    "branch-new": "/branches/new",
    "people": "/people",
    "person-new": "/people/new",
    "courier": "/courier",
    "account": "/account",
    "not-found": "/nothing-here",
}
DETAILS = {
    "sale": "/sales?kind=sale",
    "refund": "/sales?kind=refund",
    "void": "/sales?kind=void",
    "shift": "/shifts?differences=1",
    "exception": "/exceptions",
    "branch": "/branches",
    "person": "/people",
}


def look_at(page: Page, name: str) -> None:
    """Each look fits; axe sees one of them, in turn light and dark."""
    turn = sum(map(ord, name)) % len(LOOKS)
    for number, _look in enumerate(in_looks(page, LOOKS)):
        assert_fits(page)
        if number == turn:
            assert_accessible(page)
    shoot(page, f"webapp-{name}")


def details(page: Page, office: str) -> Iterator[str]:
    """Follow the first row of each list; gives the name of what it leads to."""
    for name, address in DETAILS.items():
        page.set_viewport_size(DESK)
        page.goto(f"{office}{address}{'&' if '?' in address else '?'}lang=en")
        settled(page)
        page.locator(".row-link").first.click()
        expect(page.get_by_role("navigation", name="You are here")).to_be_visible()
        yield name


def test_every_page_is_accessible_and_fits(sign_in: Enter, office: str) -> None:
    page = sign_in()
    for name, address in PAGES.items():
        page.goto(office + address)
        look_at(page, name)


def test_whatever_a_list_leads_to_is_accessible_and_fits(sign_in: Enter, office: str) -> None:
    page = sign_in()
    for name in details(page, office):
        look_at(page, name)
        if name == "branch":
            page.goto(page.url.partition("?")[0] + "/edit")
            look_at(page, "branch-edit")


def test_a_tills_page_with_its_proof_is_accessible_and_fits(
    sign_in: Enter, office: str, chain: Chain, as_owner: Engine
) -> None:
    till = next(one for one in chain.tills.values() if one.branch_id == chain.branches["SGT"])
    differs = {"place": "router", "what": "cash", "said": "1250000", "counted": "1205000"}
    with as_owner.begin() as connection:
        connection.execute(
            insert(proof).values(
                branch_id=till.branch_id,
                terminal_id=till.id,
                seq=41,
                hash=bytes(range(32)),
                entry_count=41,
                tenders={"cash": 1_250_000, "qris": 75_000},
                places=["till", "router", "cloud"],
                proved_at_ms=NOW_MS,
                difference={**differs, "after": "1/41", "up_to": "1/53"},
            )
        )
    page = sign_in()
    page.goto(f"{office}/branches/{till.branch_id}/devices/{till.id}")
    look_at(page, "device")


def test_the_door_is_accessible_and_fits(page: Page, office: str) -> None:
    page.goto(f"{office}/sign-in")
    look_at(page, "sign-in")


def test_a_form_with_mistakes_is_accessible_and_keeps_what_was_typed(
    sign_in: Enter, office: str
) -> None:
    page = sign_in()
    page.goto(f"{office}/people/new")
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("Rina")
    page.get_by_label("PIN").fill("111111")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("too easy to guess")
    expect(name).to_have_value("Rina")
    assert_accessible(page)
    assert_fits(page)


def test_a_code_is_shown_large_with_how_long_it_lives(
    sign_in: Enter, office: str, chain: Chain
) -> None:
    page = sign_in("teguh")
    page.goto(f"{office}/branches/{chain.branches['SGT']}")
    page.get_by_role("textbox", name="Name", exact=True).fill("Kasir 3")
    page.get_by_role("button", name="Make a code").click()
    expect(page.get_by_role("heading", name="A code for a new till")).to_be_visible()
    expect(page.locator("[data-countdown]")).to_have_text("0:00")  # The test plays in the past.
    expect(page.get_by_text("Waiting for the machine")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
