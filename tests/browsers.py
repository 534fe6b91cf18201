"""A real Chromium for the tests that carry the mark `browser`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM_NAMES: Final = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)

CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Runs as root, draws without a card, and asks nothing of the network but the page."""

PAGE_TIMEOUT_MS: Final = 30_000
"""How long an element may take on a machine that runs everything at once."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; the test is skipped where there is none."""
    named = os.environ.get("SENTRA_CHROMIUM") or ""
    found = next(filter(None, map(shutil.which, (named, *CHROMIUM_NAMES))), None)
    if found is None:
        pytest.skip("NO CHROMIUM HERE: install chromium to run the browser tests")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all tests of a process."""
    expect.set_options(timeout=PAGE_TIMEOUT_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with no cookies and no cache of another test, wide as an office screen."""
    with browser.new_context(
        viewport={"width": 1366, "height": 768}, ignore_https_errors=True, reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        yield context.new_page()
