"""Programs are watched: what crashes is told and started again, what is switched off stays off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.processes import Part, Supervisor

WAIT_S_MAX = 20.0


def _until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S_MAX
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come true in time"
        time.sleep(0.02)


@pytest.fixture
def crashes() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def supervisor(crashes: list[tuple[str, int]]) -> Iterator[Supervisor]:
    watching = Supervisor(lambda part, status: crashes.append((part.name, status)))
    watching.start()
    yield watching
    watching.stop()


def _part(tmp_path: Path, name: str, *arguments: str) -> Part:
    return Part(name, arguments, {}, tmp_path / f"{name}.log")


def test_a_part_that_ends_is_told_and_started_again(
    tmp_path: Path, supervisor: Supervisor, crashes: list[tuple[str, int]]
) -> None:
    part = supervisor.add(_part(tmp_path, "broken", "no-such-verb"))
    first = part.process
    _until(lambda: part.process is not first)
    assert crashes[0][0] == "broken"
    assert crashes[0][1] != 0
    assert "no-such-verb" in part.last_lines()


def test_a_part_that_is_killed_comes_back(
    tmp_path: Path, supervisor: Supervisor, crashes: list[tuple[str, int]]
) -> None:
    part = supervisor.add(_part(tmp_path, "till", "--help"))
    assert part.process is not None
    first = part.process.pid
    _until(lambda: part.process is not None and part.process.pid != first)
    assert crashes


def test_a_part_that_is_switched_off_stays_off(
    tmp_path: Path, supervisor: Supervisor, crashes: list[tuple[str, int]]
) -> None:
    part = supervisor.add(_part(tmp_path, "router", "--help"))
    supervisor.switch("router", on=False)
    off = part.process
    assert not part.running
    before = len(crashes)
    supervisor.switch("router", on=True)
    assert part.process is not off
    supervisor.switch("router", on=False)
    assert len(crashes) == before


def test_a_part_is_not_in_our_process_group(tmp_path: Path, supervisor: Supervisor) -> None:
    part = supervisor.add(_part(tmp_path, "web", "--help"))
    assert part.process is not None
    assert os.getpgid(part.process.pid) != os.getpgid(0)


def test_a_part_that_is_killed_on_purpose_comes_back_and_is_no_crash(
    tmp_path: Path, supervisor: Supervisor, crashes: list[tuple[str, int]]
) -> None:
    part = supervisor.add(_part(tmp_path, "daemon", "--help"))
    first = part.process
    assert supervisor.kill(part, back_in_s=0.0)
    assert first is not None
    assert first.poll() is not None
    _until(lambda: part.process is not first)
    assert crashes == []
