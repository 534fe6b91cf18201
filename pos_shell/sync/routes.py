"""The top bar's state, and the stream that wakes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response, render_template

from pos_shell.frame import till_frame
from pos_shell.till import Till
from pos_shell.web import till
from sentra.web.permissions import public

LOOK_EVERY_S: Final = 0.5
"""How often the vault is looked at for commits of others; the screen is true within two seconds."""

WAKE_EVERY_S: Final = 5.0
"""Without any commit the ages still grow, and a daemon may fall silent."""

STREAMS_MAX: Final = 4
"""Streams at once: each holds a thread of the server. One window needs one."""

routes = Blueprint("sync", __name__, url_prefix="/sync")
_streams = threading.BoundedSemaphore(STREAMS_MAX)


@routes.get("/status")
@public("shown from the first screen on; the loopback key guards it")
def status() -> str:
    """The pills of the top bar."""
    return render_template("pos_shell/sync/_status.html", frame=till_frame(till()))


@routes.get("/stream")
@public("only wakes; the loopback key guards it")
def stream() -> Response:
    """Server-sent events: `sync` whenever the pills may have changed."""
    if not _streams.acquire(blocking=False):
        return Response(status=204)
    response = Response(_wakes(till()), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(_streams.release)
    return response


def _wakes(here: Till) -> Iterator[str]:
    yield "retry: 2000\n\n"
    seen, woke_s = -1, 0.0
    while True:
        number = here.vault.change_number() if here.is_enrolled else 0
        now_s = time.monotonic()
        if number != seen or now_s - woke_s >= WAKE_EVERY_S:
            seen, woke_s = number, now_s
            yield "data: sync\n\n"
        else:
            # A page that has gone is noticed by writing to it, and its thread set free.
            yield ":\n\n"
        time.sleep(LOOK_EVERY_S)
