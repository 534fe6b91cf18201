"""News for open pages: one listener on Redis for the whole process, one stream for each page.

A stream only wakes. What it wakes then asks for its fragment by an ordinary request, which checks
who asks; so a lost wake costs latency and a stream can tell nobody anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, cast

from flask import Blueprint, Flask, Response, current_app

from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import Kind, Wake, listen
from sentra.web.permissions import SIGNED_IN, requires
from webapp.identity import member

EXTENSION: Final = "sentra-live"
KINDS: Final[tuple[Kind, ...]] = ("journal", "device", "exception", "feed", "import")

HEARTBEAT_S: Final = 15.0
"""Silence after which a stream says that it lives; also how soon a closed page is noticed."""

LOOK_S: Final = 1.0
"""How often a waiting stream looks whether the process is ending."""

GAP_S: Final = 0.5
"""Least time between two wakes of one page: a rush of sales is one look."""

STREAM_S_MAX: Final = 15 * 60
"""A stream ends and the browser asks again: so pages spread over new processes, and a session
that has ended is noticed."""

STREAMS_SHARE: Final = 0.75
"""Of the process's threads, how many streams may hold; the rest answers requests. A page that
gets no stream looks by its timer."""

RETRY_MS: Final = 30_000
"""When a page that got no stream asks for one again."""


class Listener:
    """One page's ear: what moved since it was last asked."""

    def __init__(self, sees: Callable[[str | None], bool]) -> None:
        self._sees = sees
        self._moved: set[str] = set()
        self._event = threading.Event()

    def hear(self, wake: Wake) -> None:
        """Take note of a wake, if it concerns this page."""
        if wake.kind in ("feed", "import") or self._sees(wake.scope):
            self._moved.add(wake.kind)
            self._event.set()

    def moved(self, timeout_s: float) -> set[str]:
        """What moved, waiting for it up to `timeout_s`; empty where nothing did."""
        if not self._event.wait(timeout_s):
            return set()
        self._event.clear()
        moved, self._moved = self._moved, set()
        return moved


class Live:
    """The process's listener on Redis and the pages that hear from it."""

    def __init__(self, redis: RedisClient, streams_max: int) -> None:
        self._redis = redis
        self._streams_max = streams_max
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.ending: Callable[[], bool] = lambda: False

    @contextmanager
    def listening(self, sees: Callable[[str | None], bool]) -> Iterator[Listener | None]:
        """A listener for one page; None where there are as many as the process can hold."""
        listener = Listener(sees)
        with self._lock:
            full = len(self._listeners) >= self._streams_max
            if not full:
                self._listeners.add(listener)
                self._start()
        try:
            yield None if full else listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def close(self) -> None:
        """End the streams and stop listening; returns when that is done."""
        self.ending = lambda: True
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        """Start the thread at the first page, which is after the server forked its workers."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="live", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        # A None is silence, or a break in which wakes were lost: pages also look by their timer.
        channels: list[tuple[Kind, str]] = [(kind, "*") for kind in KINDS]
        for wake in listen(self._redis, channels, heartbeat_s=LOOK_S):
            if self.ending():
                return
            if wake is not None:
                with self._lock:
                    listeners = tuple(self._listeners)
                for listener in listeners:
                    listener.hear(wake)


def install_live(app: Flask, redis: RedisClient, *, threads: int) -> Live:
    """Add `GET /live`, the stream of the signed-in person's branches."""
    live = Live(redis, max(1, int(threads * STREAMS_SHARE)))
    app.extensions[EXTENSION] = live
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/live")
    @requires(SIGNED_IN)
    def stream() -> Response:
        person = member()
        answer = Response(
            _events(cast(Live, current_app.extensions[EXTENSION]), person.sees),
            content_type="text/event-stream",
        )
        # A buffering proxy would keep the news until there is a buffer full of it.
        answer.headers["X-Accel-Buffering"] = "no"
        return answer

    app.register_blueprint(blueprint)
    return live


def _events(live: Live, sees: Callable[[str | None], bool]) -> Iterator[str]:
    """The stream's text: one message for each thing that moved, and now and then a sign of life."""
    until_s = time.monotonic() + STREAM_S_MAX
    with live.listening(sees) as listener:
        yield f"retry: {RETRY_MS if listener is None else RETRY_MS // 30}\n\n"
        heard_s = time.monotonic()
        while listener is not None and not live.ending() and time.monotonic() < until_s:
            moved = listener.moved(LOOK_S)
            if moved:
                yield "".join(f"data: {kind}\n\n" for kind in sorted(moved))
                time.sleep(GAP_S)
            elif time.monotonic() - heard_s >= HEARTBEAT_S:
                yield ": still here\n\n"
            else:
                continue
            heard_s = time.monotonic()
