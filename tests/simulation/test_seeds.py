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
"""Runs of 40 cost three fifths of it, and it took half as many again to find the same bugs."""

HELD = (
    *range(1001, 1009),
    339884535, 918751412, 574845066, 745794487, 246503328,
    345915409, 69245021, 67383197, 176964939, 306095912,
    6429345, 701910539, 214923946, 272655587, 632473701,
    104144961, 876558096, 602954486, 25511215, 201489685,
    805851586, 644717079, 116278904, 809642327, 654061367,
    753053174, 652307855, 911018974, 962476834, 96197518,
    835157655, 771737598, 780480329, 570772376, 685028927,
    858227628, 669059394, 288326359, 128806835, 384432818,
    745907203, 799757737, 619365962, 226056489, 181562966,
    388438026, 203665506, 911180864, 810002,
    820358, 820400, 820780, 820835, 820878,
)  # fmt: skip
"""Some three minutes of processor time. Seeds drawn from each commit come back when the open one
below is closed."""

OPEN = (722086757,)
"""A copied machine's till has rows of a sale that are another fact's. Not looked into yet."""


@pytest.mark.parametrize("seed", HELD)
def test_every_invariant_holds(simulate: Simulate, seed: int) -> None:
    _prove(simulate, seed)


@pytest.mark.xfail(strict=True, reason="a copied machine's rows of one sale are another fact's")
@pytest.mark.parametrize("seed", OPEN)
def test_every_invariant_holds_for_copied_machines_too(simulate: Simulate, seed: int) -> None:
    _prove(simulate, seed)


def _prove(simulate: Simulate, seed: int) -> None:
    outcome = simulate(make_plan(seed, STEPS))
    assert outcome.holds, f"sentra simulate --seed {seed} --steps {STEPS}: {outcome.broken}"


def test_a_seed_gives_the_same_run_also_in_another_process(simulate: Simulate) -> None:
    plan = make_plan(11, 30)
    first, second = simulate(plan), simulate(plan)
    assert first.lines == second.lines
    assert first.digest == second.digest
    command = "from sentra.command import main; main()"
    words = "simulate --seed 11 --steps 30 --jobs 2"
    ran = subprocess.run(
        [sys.executable, "-c", command, *words.split()],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert first.digest[:16] in ran.stdout


def test_the_plans_do_all_that_there_is_to_do() -> None:
    seen = {step.verb for seed in range(50) for step in make_plan(seed, 80).steps}
    assert seen == VERBS.keys()
