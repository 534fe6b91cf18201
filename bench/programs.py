"""Starts the real programs of a bench as processes of their own, and stops them."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.failures import BenchFailed

READY_S_MAX: Final = 60.0
STOP_S_MAX: Final = 20.0
_LOOK_EVERY_S: Final = 0.05
_ANSWER_S_MAX: Final = 2.0
_LOG_CHARACTERS: Final = 2_000


class ProgramFailed(BenchFailed):
    """A program that a bench needs ended or never answered; its text is the end of the log."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running `sentra …`."""

    process: subprocess.Popen[bytes]
    log: Path

    def cpu_s(self) -> float:
        """Processor time of the process and those that it started, so far."""
        return cpu_s(self.process.pid)

    def memory_bytes(self) -> int:
        """Memory of the process and those that it started, which nobody shares with them."""
        parent = psutil.Process(self.process.pid)
        everyone = (parent, *parent.children(recursive=True))
        return sum(int(each.memory_full_info().uss) for each in everyone)

    def log_end(self) -> str:
        """The last of what it said."""
        return self.log.read_text(errors="replace")[-_LOG_CHARACTERS:]

    def await_ready(self, url: str) -> None:
        """Returns when the address answers 200. Raises ProgramFailed."""
        deadline_s = time.monotonic() + READY_S_MAX
        while not _answers(url):
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                raise ProgramFailed(self.log_end())
            time.sleep(_LOOK_EVERY_S)


@contextmanager
def running(
    log: Path, *arguments: str, environment: Mapping[str, str], module: str = "sentra"
) -> Iterator[Program]:
    """`sentra ARGUMENTS` of this very installation, for the length of the block.

    `module` is another one to run instead, in the same way.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Program(process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_s(pid: int) -> float:
    """Processor time, user and system, of a process and of all that it started."""
    parent = psutil.Process(pid)
    own = parent.cpu_times()
    ended = own.children_user + own.children_system
    alive = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return float(ended + sum(each.user + each.system for each in alive))


def free_port() -> int:
    """A port of loopback that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    anything = ssl.create_default_context()
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S_MAX, context=anything) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
