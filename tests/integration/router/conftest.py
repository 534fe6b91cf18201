"""A router of the test: in this process on real sockets, or `sentra router` in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from sentra.link.client import Link
from tests.support.fake_cloud import FakeCloud, a_router, a_till_link, device_of, now_ms
from tests.support.journals import Journal

START_S_MAX = 30.0


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.types.EventDict]]:
    """What the router logged; its faults are read there and never painted."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@dataclass
class Clock:
    """The wall's clock, that a test may move ahead."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


@dataclass
class Running:
    """A router on loopback, its cloud, and whatever a test opens on it."""

    cloud: FakeCloud
    folder: Path
    clock: Clock = field(default_factory=Clock)
    router: Router = field(init=False)
    port: int = 0
    page_port: int = 0
    open: ExitStack = field(default_factory=ExitStack)

    def start(self, port: int = 0) -> None:
        """Starts it, also again."""
        settings = RouterSettings(self.folder, host="127.0.0.1", port=port, page_port=0)
        self.router = Router(settings, self.clock, "0.1.0")
        self.port, self.page_port = self.router.start()

    def stop(self) -> None:
        self.router.stop()

    def link(self, journal: Journal) -> Link:
        """A terminal's line to it."""
        made = a_till_link(journal, self.cloud.authority.anchors, self.port)
        self.open.callback(made.close)
        return made


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[FakeCloud]:
    with FakeCloud(tmp_path / "cloud") as made:
        yield made


@pytest.fixture
def journal() -> Journal:
    """Terminal 1 of the branch."""
    return Journal(1)


@pytest.fixture
def other() -> Journal:
    """Terminal 2."""
    return Journal(2)


@pytest.fixture
def running(cloud: FakeCloud, tmp_path: Path) -> Iterator[Running]:
    """An enrolled router that runs; its branch has no device yet."""
    folder = tmp_path / "router"
    a_router(folder, cloud)
    made = Running(cloud, folder)
    made.start()
    yield made
    made.open.close()
    made.stop()


@pytest.fixture
def served(
    running: Running, journal: Journal, other: Journal, until: Callable[..., None]
) -> Running:
    """The same, with two terminals that it knows."""
    running.cloud.publish_branch(device_of(journal), device_of(other))
    until(lambda: len(running.router.devices.all()) == 2)
    return running


@dataclass
class RouterProcess:
    """`sentra router` as an operator starts it."""

    process: subprocess.Popen[str]
    lines: list[dict[str, object]]

    @property
    def port(self) -> int:
        """For tills."""
        return int(str(self._serving()["address"]).rpartition(":")[2])

    @property
    def page(self) -> str:
        """The status page on this machine."""
        return str(self._serving()["page"])

    def _serving(self) -> dict[str, object]:
        return next(line for line in self.lines if line.get("event") == "serving")


@pytest.fixture
def start_process() -> Iterator[Callable[..., RouterProcess]]:
    """`start_process(folder, …)` starts `sentra router` on ports that the kernel chooses."""
    started: list[subprocess.Popen[str]] = []

    def start(*folders: Path) -> RouterProcess:
        words = [word for folder in folders for word in ("--data", str(folder))]
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from sentra.command import main; main()", "router"),
                *("--host", "127.0.0.1", "--port", "0", "--page-port", "0", *words),
            ],
            env={**os.environ, "SENTRA_KEY_STORE": "file"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        started.append(process)
        return RouterProcess(process, _lines_until_serving(process, len(folders)))

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def _lines_until_serving(process: subprocess.Popen[str], routers: int) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    enough = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"event": "not-json", "text": line})
            if sum(one.get("event") == "serving" for one in lines) >= routers:
                enough.set()
        enough.set()

    threading.Thread(target=read, daemon=True).start()
    assert enough.wait(START_S_MAX), lines
    assert any(one.get("event") == "serving" for one in lines), lines
    return lines
