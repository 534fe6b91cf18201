"""The shop that the till's tests sell in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from pos_shell.shift.actions import open_shift
from tests.e2e.browser import settled
from tests.support.shop import DEWI, KEY, Shop, an_app, key_in_a_file, make, open_shop, shop

__all__ = ["key_in_a_file", "make", "open_shop", "shop"]


@pytest.fixture
def address(shop: Shop, serve: Callable[[Flask], str]) -> str:
    """The till's address, with its key."""
    return serve(an_app(shop)) + f"/?key={KEY}"


@pytest.fixture
def selling(shop: Shop, address: str, page: Page) -> Page:
    """Dewi at the sale screen, her shift open."""
    shop.till.desk.person = DEWI
    open_shift(shop.till, DEWI, 200_000)
    page.goto(address)
    expect(page.locator("#cart")).to_be_visible()
    settled(page)
    return page
