"""Tills pass their carts on through the router: none is lost, and one till alone sells each."""

from __future__ import annotations

from typing import Any

import pytest

from sentra.vault import sharing
from simulation.plan import Plan, Step, make_sharing_plan
from syncd.daemon.inbound.branch_desk import BranchDesk
from tests.simulation.conftest import Simulate

STEPS = 80
SEEDS = (3, 6, 9)
"""Of those without faults."""


@pytest.mark.parametrize("seed", range(1, 13))
def test_no_cart_is_lost_and_none_is_sold_twice_in_silence(simulate: Simulate, seed: int) -> None:
    outcome = simulate(make_sharing_plan(seed, STEPS))
    assert outcome.holds, f"sentra simulate --carts --seed {seed} --steps 80: {outcome.broken}"


def without_faults(seed: int) -> Plan:
    """Nothing fails, and after each step every daemon hears of it."""
    plan = make_sharing_plan(seed, 2 * STEPS)
    quiet = [step for step in plan.steps if step.verb in {"sell", "hold", "resume"}]
    steps = [
        each
        for step in quiet
        for each in (step, Step(1_000 + step.number, "everybody", 0, step.dice + 1))
    ]
    return Plan(seed, plan.branches, tuple(steps), shares=True)


def test_where_nothing_fails_each_cart_is_sold_once_at_whichever_till(simulate: Simulate) -> None:
    outcomes = [simulate(without_faults(seed)) for seed in SEEDS]
    assert [outcome.broken for outcome in outcomes] == [()] * len(SEEDS)
    assert sum(outcome.counts["sold twice"] for outcome in outcomes) == 0
    assert sum(outcome.counts["passed on"] for outcome in outcomes) > 3


def _drops_what_it_takes_up(patch: pytest.MonkeyPatch) -> None:
    """The open cart, for which another is taken up, should go on hold."""

    def keep_fewer(db: Any, waiting: Any) -> None:
        sharing.keep_parked(
            db, [one for one in waiting if one.label or one in sharing.load_parked(db)]
        )

    patch.setattr("pos_shell.parked.actions.keep_parked", keep_fewer)


def test_a_cart_that_is_lost_is_found(simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    _drops_what_it_takes_up(monkeypatch)
    kinds = (simulate(make_sharing_plan(seed, STEPS)).kind for seed in range(1, 13))
    assert "carts:" in kinds


def test_a_cart_that_the_router_never_hears_of_is_sold_twice(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BranchDesk, "_settle", lambda *_: None)
    counts = [simulate(without_faults(seed)).counts["sold twice"] for seed in SEEDS]
    assert sum(counts) > 0, "the promise above can fail"
