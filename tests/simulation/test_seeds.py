"""Random branches under random faults hold every invariant, and a seed always gives one run."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulation.plan import make_plan
from simulation.verbs import VERBS
from tests.simulation.conftest import Simulate

ROOT = Path(__file__).resolve().parents[2]
STEPS = 80
"""Runs of 40 cost three fifths of it, and it took half as many again to find the same bugs."""

FIXED = range(1001, 1009)
HANDS = 9
"""Parts of what is drawn, for test processes to share."""

SEEDS = 10**9

HAND_S = 16.0
"""Processor time of a hand's seeds, PostgreSQL's left out. With the fixed ones and PostgreSQL, all
take more than three minutes."""


@pytest.mark.parametrize("seed", FIXED)
def test_every_invariant_holds(simulate: Simulate, seed: int) -> None:
    _prove(simulate, seed)


@pytest.mark.parametrize("hand", range(HANDS))
def test_every_invariant_holds_for_seeds_that_no_run_had_before(
    simulate: Simulate, hand: int
) -> None:
    until_s = time.process_time() + HAND_S
    for seed in _drawn(hand):
        _prove(simulate, seed)
        if time.process_time() >= until_s:
            return


def _prove(simulate: Simulate, seed: int) -> None:
    outcome = simulate(make_plan(seed, STEPS))
    assert outcome.holds, f"sentra simulate --seed {seed} --steps {STEPS}: {outcome.broken}"


def _drawn(hand: int) -> Iterator[int]:
    """Seeds of this commit and this day: others tomorrow, and the same when it runs again."""
    words = ("git", "rev-parse", "HEAD")
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    dice = random.Random(f"{said.stdout.strip()} {datetime.now(UTC).date()} {hand}")
    while True:
        yield dice.randrange(SEEDS)


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
