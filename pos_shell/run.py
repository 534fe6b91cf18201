"""One running till: the lock on its folder, the page on the loopback, the window before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from cheroot.wsgi import Server
from flask import Flask

from pos_shell.bootstrap import make_app, make_key, make_till
from pos_shell.config import read_settings
from pos_shell.till import Till
from sentra.i18n import say
from sentra.telemetry import configure_logging
from sentra.vault.lock import hold

THREADS: Final = 12
"""Of the page's server: a window's own requests, and up to four streams that wait."""

SHUTDOWN_S: Final = 1

WINDOW_PROBE_S_MAX: Final = 30
"""A cold start of Qt on a slow disk; usually half a second."""

_WINDOW_PROBE: Final = """
from qtpy.QtWebEngineWidgets import QWebEngineView
from qtpy.QtWidgets import QApplication
QApplication([])
"""


def now_ms() -> int:
    """The machine's clock, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def run_till(
    data: Path | None, *, port: int, window: bool | None, address_file: Path | None
) -> None:
    """Open the till and stay until its window is closed or the process is asked to end.

    Raises Failure: a wrong setting, another till on the folder, a vault that does not open.
    """
    settings = read_settings(os.environ, data)
    configure_logging("pos", level=settings.log_level)
    with hold(settings.folder, "till"):
        till = make_till(settings, now_ms)
        try:
            if till.is_enrolled:
                till.identity  # noqa: B018 - a vault that does not open stops the start here
            key = make_key()
            with serving(make_app(settings, till, key), port) as bound:
                address = f"http://127.0.0.1:{bound}/?key={key}"
                if address_file is not None:
                    _write_address(address_file, address)
                _show(till, address, wants_window() if window is None else window)
        finally:
            till.close()


@contextmanager
def serving(app: Flask, port: int) -> Iterator[int]:
    """Serve an app on the loopback in threads; gives the port that was bound."""
    server = Server(
        ("127.0.0.1", port), app, numthreads=THREADS, shutdown_timeout=SHUTDOWN_S, timeout=60
    )
    server.prepare()
    thread = threading.Thread(target=server.serve, name="till-page", daemon=True)
    thread.start()
    try:
        yield int(server.bind_addr[1])
    finally:
        server.stop()
        thread.join(timeout=2 * SHUTDOWN_S)


def wants_window() -> bool:
    """Whether there is a display to open a window on."""
    return os.name == "nt" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def window_opens() -> bool:
    """Whether a window would open: asked of another process, since Qt ends its own where it cannot
    (a display that does not answer, a system library that is missing)."""
    if os.name == "nt":
        return True
    asked = subprocess.run(
        [sys.executable, "-c", _WINDOW_PROBE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WINDOW_PROBE_S_MAX,
        check=False,
    )
    return asked.returncode == 0


def _write_address(path: Path, address: str) -> None:
    """Whole or not at all, and for this user only: the address carries the key."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(address + "\n", encoding="utf-8")
    unfinished.replace(path)


def _show(till: Till, address: str, window: bool) -> None:
    if window and not window_opens():
        click.echo(say("This machine has a screen and cannot open a window on it."))
        window = False
    if window:
        from pos_shell.window import open_window

        open_window(address, _title(till), till.folder)
        return
    click.echo(say("The till is open at %(address)s", address=address))
    _wait_for_the_end()


def _title(till: Till) -> str:
    if not till.is_enrolled:
        return "Sentra"
    return f"{till.identity.branch_name} · {till.identity.name} – Sentra"


def _wait_for_the_end() -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
