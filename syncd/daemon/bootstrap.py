"""Builds the daemon from its settings: the only place where its parts are put together."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import structlog

from sentra.failures import Failure
from sentra.instants import Clock
from sentra.vault import lock
from sentra.vault.aside import waiting_aside
from syncd.daemon.config import DaemonSettings
from syncd.daemon.inbound.loop import TillLoop
from syncd.daemon.inbound.metrics import MetricsServer
from syncd.daemon.inbound.watch import VaultWatch

STOP_S_MAX: Final = 1.5
"""A step that takes longer is abandoned: whatever it sent is sent again at the next start."""

_LOOK_EVERY_S: Final = 0.5
_log = structlog.get_logger(__name__)


def wall_clock() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


def ticks() -> int:
    """Milliseconds of a clock that only goes forward."""
    return time.monotonic_ns() // 1_000_000


class Daemon:
    """All tills of one process."""

    def __init__(self, settings: DaemonSettings, version: str, clock: Clock = wall_clock) -> None:
        self._stopping = threading.Event()
        self._settings, self._version, self._clock = settings, version, clock
        self._aside: dict[Path, TillLoop] = {}
        self.loops = [
            TillLoop(
                folder,
                clock=clock,
                ticks=ticks,
                timer_ms=settings.timer_ms,
                version=version,
                keep_days=settings.keep_days,
            )
            for folder in settings.folders
        ]
        self.metrics: MetricsServer | None = None
        if settings.metrics_port is not None:
            self.metrics = MetricsServer(settings.metrics_port, self._ready)
        self._watch = VaultWatch({loop.folder: loop.wake for loop in self.loops})

    def run(self) -> Failure | None:
        """Serves until `stop`; returns what ended the last folder, where all had to end.

        Raises AlreadyRunning before anything is started.
        """
        with ExitStack() as held:
            for loop in self.loops:
                held.enter_context(lock.hold(loop.folder, "daemon"))
            self._watch.start()
            if self.metrics is not None:
                self.metrics.start()
                _log.info("metrics are shown", port=self.metrics.port)
            for loop in self.loops:
                loop.start()
            while not self._stopping.wait(_LOOK_EVERY_S):
                if not any(loop.is_alive() for loop in self.loops):
                    break
                self._send_what_was_set_aside()
            self._end()
        return next((loop.failure for loop in self.loops if loop.failure is not None), None)

    def _send_what_was_set_aside(self) -> None:
        """A vault that was set aside may hold sales that nobody has yet."""
        for loop in self.loops:
            for folder in waiting_aside(loop.folder):
                if folder in self._aside:
                    continue
                self._aside[folder] = TillLoop(
                    folder,
                    clock=self._clock,
                    ticks=ticks,
                    timer_ms=self._settings.timer_ms,
                    version=self._version,
                    is_aside=True,
                )
                self._aside[folder].start()

    def stop(self) -> None:
        """Safe in a signal's handler."""
        self._stopping.set()

    def _ready(self) -> bool:
        return all(loop.is_alive() and loop.turned for loop in self.loops)

    def _end(self) -> None:
        deadline = time.monotonic() + STOP_S_MAX
        for loop in (*self.loops, *self._aside.values()):
            loop.stop()
        if self.metrics is not None:
            self.metrics.stop()
        self._watch.stop()
        for loop in (*self.loops, *self._aside.values()):
            loop.join(max(0.0, deadline - time.monotonic()))
        _log.info("stopped", unfinished=[loop.name for loop in self.loops if loop.is_alive()])
