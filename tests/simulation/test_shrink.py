"""A failure is brought down to the steps that matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from simulation.plan import Plan, make_plan
from simulation.runner import Outcome
from simulation.shrink import shrink
from tests.simulation.conftest import Simulate
from tests.simulation.mutations import MUTATIONS, mutated


def _outcome(plan: Plan, *broken: str) -> Outcome:
    return Outcome(plan, len(plan.steps), "", broken, (), 1, Counter())


def _breaks_with(*needed: int) -> Callable[[Plan], Outcome]:
    def run(plan: Plan) -> Outcome:
        there = {step.number for step in plan.steps}
        return _outcome(plan, *(["I2 broken"] if there >= set(needed) else []))

    return run


@pytest.mark.parametrize("needed", [(1,), (80,), (3, 17), (2, 40, 41, 79)])
def test_only_the_steps_that_are_needed_are_left(needed: tuple[int, ...]) -> None:
    run = _breaks_with(*needed)
    shortest = shrink(run(make_plan(1, 80)), run)
    assert [step.number for step in shortest.plan.steps] == list(needed)


def test_another_failure_on_the_way_is_not_taken_for_this_one() -> None:
    def run(plan: Plan) -> Outcome:
        return _outcome(plan, "I2 broken" if len(plan.steps) == 80 else "I5 broken")

    whole = run(make_plan(1, 80))
    assert shrink(whole, run) is whole


def test_the_search_ends_after_its_number_of_runs() -> None:
    runs, breaks = 0, _breaks_with(*range(1, 81, 2))

    def run(plan: Plan) -> Outcome:
        nonlocal runs
        runs += 1
        return breaks(plan)

    shrink(run(make_plan(1, 80)), run, runs_max=20)
    assert runs <= 21


def test_a_real_failure_shrinks_to_a_few_steps_that_fail_again(simulate: Simulate) -> None:
    bug = next(one for one in MUTATIONS if one.name == "receipt numbers stand still")
    with mutated(bug):
        failed = simulate(make_plan(bug.likely, 24))
        shortest = shrink(failed, simulate, runs_max=8)
        again = simulate(shortest.plan)
    assert len(shortest.plan.steps) <= 6
    assert again.broken == shortest.broken
    assert again.digest == shortest.digest
