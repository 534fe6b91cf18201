"""Starts the programs, watches them, starts again what crashed, and stops them all."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

STOP_S_MAX = 10.0
"""What a program may take to stop cleanly before it is ended."""

RESTART_WAIT_S = 1.0
"""Between a crash and the next start; doubled each time up to RESTART_WAIT_S_MAX."""

RESTART_WAIT_S_MAX = 30.0
CALM_S = 30.0
"""A part that ran for so long is counted as well again."""


def sentra_command() -> list[str]:
    """The `sentra` of this very installation."""
    return [sys.executable, "-m", "sentra"]


@dataclass(slots=True)
class Part:
    """One program of the demo. `wanted` False while its power is switched off.

    `ready_url` answers 200 when the program serves; None: it serves nobody.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    wanted: bool = True
    process: subprocess.Popen[bytes] | None = None
    started_at_s: float = 0.0
    crashes: int = 0
    next_start_s: float = 0.0
    ready_url: str | None = None
    _log_file: IO[bytes] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts the process in a group of its own, so that Ctrl-C reaches only us."""
        self._close_log()
        self._log_file = self.log.open("ab")
        self.process = subprocess.Popen(
            [*sentra_command(), *self.arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started_at_s = time.monotonic()

    def terminate(self) -> None:
        """Asks it to stop."""
        if self.process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process and all its children without asking; returns when it is gone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def wait(self, deadline_s: float) -> None:
        """Waits for its end, and ends it where it takes too long."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close_log()

    def _close_log(self) -> None:
        if self._log_file is not None:
            self._log_file.close()
            self._log_file = None

    def last_lines(self, count: int = 12) -> str:
        """The end of its log, for a person to read."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])


class Supervisor(threading.Thread):
    """Keeps every wanted part running."""

    def __init__(self, on_crash: Callable[[Part, int], None]) -> None:
        super().__init__(name="supervisor", daemon=True)
        self.parts: list[Part] = []
        self._on_crash = on_crash
        self._stopping = threading.Event()

    def add(self, part: Part) -> Part:
        """Starts a part and watches it from now on."""
        part.start()
        self.parts.append(part)
        return part

    def run(self) -> None:
        """Looks twice a second."""
        while not self._stopping.wait(0.5):
            for part in list(self.parts):
                self._look_at(part)

    def _look_at(self, part: Part) -> None:
        if not part.wanted or part.running or part.process is None:
            return
        now_s = time.monotonic()
        if part.next_start_s == 0.0:
            part.crashes = 1 if now_s - part.started_at_s > CALM_S else part.crashes + 1
            wait_s = min(RESTART_WAIT_S * 2 ** (part.crashes - 1), RESTART_WAIT_S_MAX)
            part.next_start_s = now_s + wait_s
            self._on_crash(part, part.process.returncode)
        elif now_s >= part.next_start_s:
            part.next_start_s = 0.0
            part.start()

    def kill(self, part: Part, *, back_in_s: float) -> bool:
        """Ends a part and all its children as `kill -9` does; whether there was one to end.

        It is started again after a while, and not counted as a crash of its own.
        """
        if part.process is None or not part.running:
            return False
        part.next_start_s = time.monotonic() + back_in_s
        part.kill()
        return True

    def switch(self, name: str, *, on: bool) -> None:
        """Power on or off, as with the plug: off ends the process at once."""
        part = next(part for part in self.parts if part.name == name)
        part.wanted = on
        if not on and part.process is not None and part.running:
            part.process.kill()
            part.process.wait()
        elif on and not part.running:
            part.next_start_s = 0.0
            part.start()

    def stop(self) -> None:
        """Stops all parts, the last started first."""
        self._stopping.set()
        if self.is_alive():
            self.join(timeout=2)
        for part in reversed(self.parts):
            part.wanted = False
            part.terminate()
        deadline_s = time.monotonic() + STOP_S_MAX
        for part in reversed(self.parts):
            part.wait(deadline_s)
