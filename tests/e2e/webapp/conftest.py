"""The back office in a browser: served with threads enough for its streams, and signed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from cheroot.wsgi import Server
from flask import Flask
from playwright.sync_api import Page

from tests.support.backoffice import (
    as_owner,
    chain,
    chain_engine,
    chain_url,
    filled_chain,
    settings,
    webapp,
)
from tests.support.chain import PASSWORD
from webapp.live import EXTENSION

__all__ = [
    "as_owner",
    "chain",
    "chain_engine",
    "chain_url",
    "filled_chain",
    "settings",
    "webapp",
]

ROWS = 12
THREADS = 48
"""A page that was left keeps its stream's thread until the next sign of life."""


@pytest.fixture
def office(webapp: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the back office; its pages are short, so that axe is through them soon."""
    monkeypatch.setattr("webapp.sales.queries.PAGE_ROWS", ROWS)
    monkeypatch.setattr("webapp.shifts.queries.PAGE_ROWS", ROWS)
    server = Server(("127.0.0.1", 0), webapp, numthreads=THREADS)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.bind_addr[1]}"
    webapp.extensions[EXTENSION].close()
    server.stop()
    thread.join()


@pytest.fixture
def sign_in(page: Page, office: str) -> Callable[..., Page]:
    """`sign_in("budi")` signs that person in, in English, and gives the page they land on."""

    def enter(login: str = "ratna") -> Page:
        page.goto(f"{office}/sign-in?lang=en")
        page.get_by_label("Sign-in name").fill(login)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    return enter
