"""The components, each in every state, in both themes and languages, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from sentra.web.factory import create_app
from tests.e2e.browser import EVERY_LOOK, assert_accessible, assert_fits, in_looks, shoot

PAGES = {
    "backoffice": "/gallery",
    "till": "/gallery/till",
    "till-parts": "/gallery/till-parts",
    "status": "/gallery/status",
    "sign-in": "/gallery/sign-in",
    "not-found": "/gallery/error/404",
}


@pytest.fixture
def gallery(serve: Callable[[Flask], str]) -> str:
    """The address of an app that serves the gallery."""
    return serve(create_app("gallery", secret_key="tests only", gallery=True))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_in_every_look(name: str, page: Page, gallery: str) -> None:
    page.goto(gallery + PAGES[name])
    for _look in in_looks(page, EVERY_LOOK):
        assert_accessible(page)
        assert_fits(page)
    shoot(page, f"gallery-{name}")


def test_a_chart_is_drawn_and_can_be_read_as_a_table(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery?lang=en")
    chart = page.locator("#by-hour")
    expect(chart).to_have_attribute("data-drawn", "")
    chart.get_by_text("Show as a table").click()
    expect(chart.get_by_role("cell", name="Rp 4,105,000")).to_be_visible()


def test_a_dialog_takes_the_focus_keeps_the_keys_and_gives_the_focus_back(
    page: Page, gallery: str
) -> None:
    page.goto(f"{gallery}/gallery?lang=en")
    opener = page.get_by_role("button", name="Open a dialog")
    opener.click()
    dialog = page.get_by_role("dialog", name="Enrol a terminal")
    expect(dialog).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search", exact=True)).not_to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_key_acts_from_anywhere_but_not_while_typing(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery?lang=en")
    search = page.get_by_role("searchbox", name="Search", exact=True)
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("teh/botol")
    expect(search).to_have_value("teh/botol")


def test_the_server_says_what_was_done_and_what_was_refused(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery?lang=en")
    page.get_by_role("button", name="Show a message").click()
    expect(page.get_by_text("Price saved.")).to_be_visible()
    page.get_by_role("button", name="Show an error").click()
    expect(page.get_by_text("Somebody else changed the price first.")).to_be_visible()


def test_the_theme_changes_at_once_and_is_remembered(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery/till?lang=en")
    with page.expect_response(lambda response: response.url.endswith("/preferences/theme")):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_the_language_changes_with_one_click(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery/till")
    expect(page.get_by_role("button", name="Bayar")).to_be_visible()
    page.get_by_role("button", name="EN – English").click()
    expect(page.get_by_role("button", name="Pay")).to_be_visible()


def test_a_field_that_is_not_right_says_so_in_the_readers_language(
    page: Page, gallery: str
) -> None:
    page.goto(f"{gallery}/gallery/sign-in?lang=id")
    field = page.locator("#email")
    says = "field => (field.reportValidity(), field.validationMessage)"
    assert field.evaluate(says) == "Isi dulu bagian ini."
    field.fill("dewi")
    assert field.evaluate(says) == "Isian ini belum cocok. Periksa lagi."
    field.fill("dewi@toko.id")
    assert field.evaluate(says) == ""


def test_typing_anywhere_on_the_till_goes_to_the_search_field(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery/till")
    page.get_by_role("button", name="Tahan").focus()
    page.keyboard.type("teh")
    expect(page.locator("[data-scan]")).to_have_value("teh")


def test_a_scan_goes_to_the_search_field_even_from_another_field(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery/till")
    page.evaluate(_SCAN_INTO_ANOTHER_FIELD, "8992761136")
    expect(page).to_have_title("8992761136")
    expect(page.locator("#other")).to_have_value("50000")


# A scanner is quicker than the way from the test to the browser, so its keys are pressed in there.
_SCAN_INTO_ANOTHER_FIELD = """(code) => {
  const other = document.createElement("input");
  other.id = "other";
  other.value = "50000";
  document.querySelector("main").append(other);
  document.querySelector("[data-scan]").form.addEventListener("submit", (event) => {
    event.preventDefault();
    document.title = new FormData(event.target).get("q");
  });
  other.focus();
  for (const key of [...code, "Enter"]) {
    const pressed = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    if (other.dispatchEvent(pressed) && key !== "Enter") other.value += key;
  }
}"""


def test_an_inline_script_does_not_run(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery/till")
    with page.expect_console_message(lambda said: "inline event handler" in said.text):
        page.evaluate(_INLINE)
    assert page.title() != "owned"


_INLINE = """() => {
  const script = document.createElement("script");
  script.textContent = "document.title = 'owned'";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=document.title='owned'>");
}"""
