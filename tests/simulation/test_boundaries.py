"""The power goes at every commit of a sale's way, just before it and just after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulation.plan import BranchShape, Plan, Step
from simulation.power import Life
from simulation.world import World
from tests.simulation.conftest import Simulate

WAY = ("sell", "sync", "trunk", "price", "sync", "refund", "sync", "trunk")
"""A sale, a refund and a decision, each to its end."""

PLAN = Plan(
    7,
    (BranchShape(1, 1),),
    tuple(Step(number, verb, 0, 1_000 + number) for number, verb in enumerate(WAY, 1)),
)

PROGRAMS: dict[str, Callable[[World], Life]] = {
    "till": lambda world: world.terminals[0].life,
    "daemon": lambda world: world.terminals[0].daemon.life,
    "router": lambda world: world.routers[0].life,
    "service": lambda world: world.cloud.life,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_sale_is_lost_at_any_commit(simulate: Simulate, program: str) -> None:
    lives: list[tuple[Life, int]] = []

    def count(world: World) -> None:
        life = PROGRAMS[program](world)
        lives.append((life, life.commits))

    assert simulate(PLAN, count).holds
    life, before = lives[0]
    commits = life.commits - before
    assert commits > 2
    for number in range(commits):
        outcome = simulate(PLAN, _cut_at(program, number))
        assert outcome.holds, f"the {program} is cut at its commit {number}: {outcome.broken}"


def _cut_at(program: str, number: int) -> Callable[[World], None]:
    """Before the commit and after it in turn: the other half of both is what seeds try."""

    def arm(world: World) -> None:
        PROGRAMS[program](world).arm(number, after=number % 2 == 1)

    return arm
