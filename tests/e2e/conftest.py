"""A browser whose pages must stay quiet, and servers on ports that the kernel chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from cheroot.wsgi import Server
from flask import Flask
from playwright.sync_api import Browser, Page, Response

from tests.browsers import PAGE_TIMEOUT_MS, browser, chromium
from tests.e2e.browser import DESK, is_noise

__all__ = ["browser", "chromium"]

SERVER_THREADS = 6

_open_pages: list[Page] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for a page is a browser test."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """A page is left before its server stops: what it asks then is no fault of its own."""
    while _open_pages:
        _open_pages.pop().close()


@pytest.fixture
def noises() -> list[str]:
    """What the page complained of; a test that provokes complaints clears the list."""
    return []


@pytest.fixture
def page(browser: Browser, noises: list[str]) -> Iterator[Page]:
    """A fresh page; its test fails on a script error, a CSP violation or a missing static file."""

    def hear_response(response: Response) -> None:
        if response.status >= 400 and "/static/" in response.url:
            noises.append(f"{response.status} {response.url}")

    with browser.new_context(
        viewport=DESK, ignore_https_errors=True, reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        fresh = context.new_page()
        fresh.on("console", lambda said: noises.append(said.text) if is_noise(said) else None)
        fresh.on("pageerror", lambda error: noises.append(str(error)))
        fresh.on("response", hear_response)
        _open_pages.append(fresh)
        yield fresh
    assert not noises, "\n".join(noises)


@pytest.fixture
def serve() -> Iterator[Callable[[Flask], str]]:
    """`serve(app)` gives the address of the app on a server of its own."""
    running: list[tuple[Server, threading.Thread]] = []

    def start(app: Flask) -> str:
        server = Server(("127.0.0.1", 0), app, numthreads=SERVER_THREADS)
        server.prepare()
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.bind_addr[1]}"

    yield start
    for server, thread in running:
        server.stop()
        thread.join()
