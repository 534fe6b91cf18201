"""The router's page as a technician sees it: in each state of the branch, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from sentra.events import Person
from tests.e2e import router_page
from tests.e2e.browser import assert_accessible, assert_fits, in_looks, shoot
from tests.e2e.router_page import MANAGER, TECHNICIAN, make_page
from tests.support.fake_cloud import PIN, FakeCloud

MakeState = Callable[..., str]


@pytest.fixture
def state(
    tmp_path: Path, serve: Callable[[Flask], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeState]:
    """`state("down")` serves the page of a router in that state; its address."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    open_things = ExitStack()

    def make(name: str, **options: object) -> str:
        cloud = open_things.enter_context(FakeCloud(tmp_path / "cloud"))
        tills = 0 if name == "no-tills" else 4
        made = make_page(tmp_path / "router", cloud, tills=tills, **options)  # type: ignore[arg-type]  # the test's own
        open_things.callback(made.router.stop)
        router_page.STATES[name](made)
        return serve(made.router.app(tls=False))

    yield make
    open_things.close()


def sign_in(page: Page, address: str, who: Person = TECHNICIAN, pin: str = PIN) -> None:
    page.goto(f"{address}/sign-in?lang=en")
    page.get_by_label("Name").select_option(label=who.name)
    page.get_by_label("PIN").fill(pin)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("name", router_page.STATES)
def test_the_page_is_accessible_and_fits_in_every_state_and_look(
    name: str, page: Page, state: MakeState
) -> None:
    sign_in(page, state(name))
    expect(page.locator(".verdict-title")).to_be_visible()
    for _look in in_looks(page):
        assert_accessible(page)
        assert_fits(page)
    shoot(page, f"router-{name}")
