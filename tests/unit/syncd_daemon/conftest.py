"""What the daemon's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.memory_store import MemoryStore
from tests.support.tills import a_till
from tests.unit.syncd_daemon.machines import (
    Machine,
    a_store,
)


@pytest.fixture
def cloud() -> MemoryStore:
    return a_store(cloud=True)


@pytest.fixture
def router() -> MemoryStore:
    return a_store()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Machine]]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    made: list[Machine] = []

    def make() -> Machine:
        vault, _ = a_till(tmp_path / "till")
        made.append(Machine(tmp_path / "till", vault))
        return made[-1]

    yield make
    for machine in made:
        machine.vault.close()
