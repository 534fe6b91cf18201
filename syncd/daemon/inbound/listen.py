"""Listens to the wake-ups of whichever store carries the till now."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from syncd.daemon.inbound.backoff import stream_wait_s

MISSED = "missed"
"""The event that stands for those that came while nobody listened."""


class Listener(threading.Thread):
    """One thread for each till. A lost wake-up costs latency, never data: there is the timer."""

    def __init__(self, name: str, wake: Callable[[str], None], stop: threading.Event) -> None:
        super().__init__(name=f"{name}-wakes", daemon=True)
        self._wake, self._stop = wake, stop
        self._link: Link | None = None
        self._changed = threading.Event()

    def follow(self, link: Link | None) -> None:
        """Listens there from now on; the stream of the store before ends."""
        if link is self._link:
            return
        before, self._link = self._link, link
        self._changed.set()
        if before is not None:
            before.hang_up()

    def end(self) -> None:
        """After `stop` was set: ends the wait."""
        self._changed.set()
        if self._link is not None:
            self._link.hang_up()

    def run(self) -> None:
        """Until stopped."""
        failures = 0
        while not self._stop.is_set():
            link = self._link
            if link is None:
                self._changed.wait()
                self._changed.clear()
                continue
            try:
                for event in link.wakes(self._stop):
                    failures = 0
                    self._wake(event)
            except (LinkDown, LinkRefused):
                failures += 1
            if self._link is link:
                self._changed.wait(stream_wait_s(failures))
                # What moved while nobody listened is found by asking.
                self._wake(MISSED)
            self._changed.clear()
