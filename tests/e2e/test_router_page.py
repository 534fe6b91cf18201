"""The router's page as a technician sees it: in each state of the branch, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from router_agent.status.sign_in import find_person
from sentra.events import Person
from tests.e2e.browser import (
    DESK,
    PHONE,
    assert_accessible,
    assert_fits,
    in_looks,
    shoot,
)
from tests.e2e.router_page import MANAGER, STATES, TECHNICIAN, make_page
from tests.support.fake_cloud import PIN, FakeCloud, a_router, device_of, now_ms
from tests.support.journals import Journal

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
        STATES[name](made)
        return serve(made.router.app(tls=False))

    yield make
    open_things.close()


@dataclass
class RunningRouter:
    """A router with its threads and its cloud."""

    cloud: FakeCloud
    router: Router
    page_port: int
    until: Callable[..., None]


@pytest.fixture
def running_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> Iterator[RunningRouter]:
    """Enrolled and started; its cloud has decided nothing yet."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    with FakeCloud(tmp_path / "cloud") as cloud:
        a_router(tmp_path / "router", cloud)
        settings = RouterSettings(tmp_path / "router", host="127.0.0.1", port=0, page_port=0)
        router = Router(settings, now_ms, "1.4.0")
        _, page_port = router.start()
        yield RunningRouter(cloud, router, page_port, until)
        router.stop()


def sign_in(page: Page, address: str, who: Person = TECHNICIAN, pin: str = PIN) -> None:
    page.goto(f"{address}/sign-in?lang=en")
    page.get_by_label("Name").select_option(label=who.name)
    page.get_by_label("PIN").fill(pin)
    page.get_by_role("button", name="Sign in").click()


TITLES = {
    "well": "All is well: everything that was sold is in the cloud.",
    "down": "The internet has been down for 12 min. Tills go on selling.",
    "draining": "The line is back. What waited is on its way.",
    "silent": "The line is up, but one till is not heard: Kasir 2.",
    "clock": "All is sent, but a clock is off: Kasir 3.",
    "set-aside": "The cloud does not take the journal of Kasir 2.",
    "no-tills": "The line is up. This branch has no till yet.",
    "revoked": "The cloud does not accept this router any more. Tills go on selling.",
    "disk-full": "This router cannot keep anything new. Tills go on selling.",
    "just-started": "This router has just started. It is calling the cloud.",
}
TWO_LOOKS = (("light", "en", DESK), ("dark", "id", PHONE))


@pytest.mark.parametrize("name", STATES)
def test_the_page_says_at_a_glance_how_the_branch_does(
    name: str, page: Page, state: MakeState
) -> None:
    sign_in(page, state(name))
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLES[name])
    assert_accessible(page)
    shoot(page, f"router-{name}")


@pytest.mark.parametrize("name", ["down"])
def test_the_page_is_accessible_and_fits_in_every_look(
    name: str, page: Page, state: MakeState
) -> None:
    sign_in(page, state(name))
    for _look in in_looks(page):
        assert_accessible(page)
        assert_fits(page)


def test_an_outage_is_told_with_its_sales_their_worth_and_the_time_to_drain(
    page: Page, state: MakeState
) -> None:
    sign_in(page, state("down"))
    verdict = page.locator(".verdict-text")
    expect(verdict).to_contain_text("37 sales (Rp 2,417,950) wait here, the oldest since 14:14.")
    expect(verdict).to_contain_text("At the usual speed it takes 2 s once the line is back.")
    row = page.get_by_role("row", name="Gudang")
    expect(row).to_contain_text("since 09:02")
    expect(page.get_by_role("row", name="Kasir 3")).to_contain_text("+3 min 12 s")
    expect(page.get_by_text("2 outages · 41 min · 96 sales kept")).to_be_visible()


def test_the_page_asks_nothing_of_anybody_but_its_router(page: Page, state: MakeState) -> None:
    address = state("well")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_a_page_that_lost_its_router_says_so_instead_of_staying_green(
    page: Page, state: MakeState, noises: list[str]
) -> None:
    sign_in(page, state("well"))
    stale = page.get_by_text("This page has lost its router")
    expect(stale).to_be_hidden()
    page.route("**/now", lambda route: route.abort())
    expect(stale).to_be_visible(timeout=20_000)
    page.unroute("**/now")
    expect(stale).to_be_hidden(timeout=10_000)
    # The last broken request may be told after the first good one.
    page.goto("about:blank")
    noises.clear()


def test_a_wrong_pin_is_told_in_words_and_the_name_stays_chosen(
    page: Page, state: MakeState
) -> None:
    address = state("well")
    sign_in(page, address, MANAGER, pin="000000")
    expect(page.get_by_role("alert")).to_contain_text("That PIN is not right. Try again.")
    expect(page.get_by_label("Name")).to_have_value(MANAGER.id)
    assert_accessible(page)
    shoot(page, "router-wrong-pin")


def test_a_manager_sees_the_page_and_only_branch_it_may_act(page: Page, state: MakeState) -> None:
    address = state("down")
    sign_in(page, address, MANAGER)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Try now")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible(page)
    shoot(page, "router-sign-in")


def test_before_the_first_feed_the_page_says_what_it_waits_for(
    page: Page, state: MakeState
) -> None:
    address = state("just-started", feed=False)
    page.goto(f"{address}/?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not ready yet")
    for _look in in_looks(page, TWO_LOOKS):
        assert_accessible(page)
        assert_fits(page)
    shoot(page, "router-before-feed")


def test_the_form_appears_by_itself_when_the_first_feed_is_there(
    page: Page, running_router: RunningRouter
) -> None:
    page.goto(f"http://127.0.0.1:{running_router.page_port}/?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not ready yet")
    running_router.cloud.publish_branch(device_of(Journal(1)), people=[TECHNICIAN])
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=20_000)


def test_try_now_ends_the_wait_and_the_page_follows_by_itself(
    page: Page, running_router: RunningRouter
) -> None:
    cloud = running_router.cloud
    cloud.publish_branch(device_of(Journal(1)), people=[TECHNICIAN])
    running_router.until(lambda: find_person(running_router.router, TECHNICIAN.id))
    cloud.refuse = "too-busy"
    running_router.router.trunk.try_now()
    sign_in(page, f"http://127.0.0.1:{running_router.page_port}")
    running_router.until(lambda: running_router.router.trunk.state.reachable is False)
    title = page.get_by_role("heading", level=1)
    expect(title).to_contain_text("The cloud has not served this router for")
    cloud.refuse = None
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("Trying the line now.")).to_be_visible()
    expect(title).not_to_contain_text("The cloud has not served", timeout=5_000)
