"""Random branches under random faults hold every invariant, and a seed always gives one run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from simulation.plan import make_plan
from simulation.verbs import VERBS
from tests.simulation.conftest import Simulate

STEPS = 80


@pytest.mark.parametrize("seed", range(1001, 1009))
def test_every_invariant_holds(simulate: Simulate, seed: int) -> None:
    outcome = simulate(make_plan(seed, STEPS))
    assert outcome.holds, f"sentra simulate --seed {seed} --steps {STEPS}: {outcome.broken}"


def test_a_seed_gives_the_same_run_also_in_another_process(simulate: Simulate) -> None:
    plan = make_plan(11, 30)
    first, second = simulate(plan), simulate(plan)
    assert first.lines == second.lines
    assert first.digest == second.digest
    command = "from sentra.command import main; main()"
    words = "simulate --seed 11 --steps 30 --runs 2 --jobs 2"
    ran = subprocess.run(
        [sys.executable, "-c", command, *words.split()],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert first.digest[:16] in ran.stdout
    assert "2 seeds ran (11-12), 0 broke" in ran.stdout


def test_the_plans_do_all_that_there_is_to_do() -> None:
    seen = {step.verb for seed in range(50) for step in make_plan(seed, 80).steps}
    assert seen == VERBS.keys()
