"""The till's own window, by pywebview."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

WIDTH_PX: Final = 1366
HEIGHT_PX: Final = 768
"""The size of the smallest usual till screen; the window may be made larger."""


def open_window(address: str, title: str, folder: Path) -> None:
    """Open a window on the address; returns when it was closed."""
    _allow_root()
    import webview

    window = webview.create_window(
        title, address, width=WIDTH_PX, height=HEIGHT_PX, min_size=(360, 560)
    )
    assert window is not None  # noqa: S101 - only None while another window is being closed
    signal.signal(signal.SIGTERM, lambda *_: window.destroy())
    webview.settings["ALLOW_DOWNLOADS"] = True
    # What a browser keeps (two cookies for looks) stays with the till, not with the user.
    webview.start(private_mode=False, storage_path=str(folder / "window"))


def _allow_root() -> None:
    """Chromium refuses its sandbox to root, as in a demo in a container."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")
        os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--no-sandbox --disable-gpu")
