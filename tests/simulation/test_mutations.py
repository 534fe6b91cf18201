"""The simulation can fail: each deliberate bug is found within its stated number of seeds."""

from __future__ import annotations

import pytest

from simulation.plan import make_plan
from simulation.runner import Outcome
from tests.simulation.conftest import Simulate
from tests.simulation.mutations import MUTATIONS, Mutation, mutated

STEPS = 80


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_the_bug_is_found(simulate: Simulate, mutation: Mutation) -> None:
    others = (seed for seed in range(1, mutation.seeds + 1) if seed != mutation.likely)
    for seed in (mutation.likely, *others):
        outcome = _with(simulate, mutation, seed)
        if outcome.kind in mutation.found:
            return
    pytest.fail(f"{mutation.seeds} seeds of {STEPS} steps do not find that {mutation}")


def _with(simulate: Simulate, mutation: Mutation, seed: int) -> Outcome:
    with mutated(mutation):
        return simulate(make_plan(seed, STEPS))
