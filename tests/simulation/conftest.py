"""One laboratory for all tests here, on the PostgreSQL that the other tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentra.embedded.postgres import EmbeddedPostgres
from simulation.laboratory import Laboratory, quiet
from simulation.plan import Plan
from simulation.runner import Outcome, run
from simulation.world import World

Simulate = Callable[..., Outcome]


@pytest.fixture(scope="session")
def laboratory(postgres: EmbeddedPostgres, servers_folder: Path) -> Iterator[Laboratory]:
    """Worlds beside the server's data, in memory where there is room."""
    with quiet():
        made = Laboratory(postgres, servers_folder / "simulation")
    yield made
    made.close()


@pytest.fixture
def simulate(laboratory: Laboratory) -> Iterator[Simulate]:
    """`simulate(plan)` runs it; the programs' logs stay silent meanwhile."""

    def one(plan: Plan, begin: Callable[[World], None] = lambda _: None) -> Outcome:
        return run(laboratory, plan, begin)

    with quiet():
        yield one
