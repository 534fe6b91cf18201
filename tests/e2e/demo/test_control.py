"""The demo's control page: links are cut and mended by hand, in every look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from demo.control.app import make_app
from demo.control.watch import Watch
from demo.stage import Stage
from tests.e2e.browser import assert_accessible, assert_fits, choose, in_looks, shoot


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Two branches with their links, and no program behind them."""
    made = Stage(tmp_path, lambda _: None, known_ports=False)
    made.places.branches = {"Bandung": "b1", "Sangatta": "b2"}
    made.places.ports["sync"] = 1
    made.places.addresses = [{"label": "Kantor", "href": "http://127.0.0.1:1/"}]
    for name in made.places.branches:
        made.link_branch(name)
    yield made
    made.stop()


@pytest.fixture
def control(stage: Stage, serve: Callable[[Flask], str]) -> str:
    return serve(make_app(stage, Watch(stage)))


def test_a_link_is_cut_and_mended_by_its_button(page: Page, control: str, stage: Stage) -> None:
    page.goto(control)
    choose(page, language="en")
    page.reload()
    branch = page.locator("section.card", has=page.get_by_role("heading", name="Sangatta"))
    branch.get_by_role("button", name="Cut").first.click()
    expect(branch.get_by_role("button", name="Mend")).to_be_visible()
    assert stage.relays.get("internet Sangatta").cut
    assert not stage.relays.get("internet Bandung").cut
    branch.get_by_role("button", name="Mend").click()
    expect(branch.get_by_role("button", name="Mend")).to_have_count(0)
    assert not stage.relays.get("internet Sangatta").cut


def test_the_page_is_accessible_and_fits_in_every_look(page: Page, control: str) -> None:
    page.goto(control)
    for _look in in_looks(page):
        assert_accessible(page)
        assert_fits(page)
    shoot(page, "demo-control")
