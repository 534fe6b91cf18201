"""A router's disk dies, and then something else goes wrong: too rare a pair for seeds to find."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from router_agent.inbound.own_journal import OwnJournal
from router_agent.outbound import store
from simulation.plan import BranchShape, Plan, Step
from simulation.terminal import Shown
from simulation.world import World
from tests.simulation.conftest import Simulate

FROM_TILL_TO_CLOUD = next(n for n in range(100) if random.Random(n).choice(range(3)) == 0)
"""Dice that cut the first of the three lines of a till and a router."""

HEARD_OF = "everybody " * 4
"""Tills hear of a new router from the cloud, between two tries on the old one's name."""

CLOUD_RESTORED = (
    "sell sync trunk everybody router-disk trunk backup sell sell sync"
    f" {HEARD_OF} sell sync trunk cloud-restore"
)
TILL_PUT_BACK = (
    f"sell sync trunk everybody router-disk trunk {HEARD_OF} sync image router-off sell sell sync"
    " line put-back router-on trunk sync sell sync trunk"
)

NOWHERE = "01a20169-0000-7000-8000-000000000001"


def story(words: str) -> Plan:
    """The steps of one till and one router."""
    steps = [
        Step(
            number,
            word,
            0,
            FROM_TILL_TO_CLOUD if word == "line" else 1_000 + number,
        )
        for number, word in enumerate(words.split(), 1)
    ]
    return Plan(7, (BranchShape(1, 1),), tuple(steps))


def test_a_cloud_restored_below_a_new_routers_base_gets_everything_back(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = story(CLOUD_RESTORED)
    outcome = simulate(plan)
    assert outcome.holds, outcome.broken
    monkeypatch.setattr(store, "_begin_lower", lambda *_: None)
    assert simulate(plan).kind == "I5", "a base that outlives what the cloud has is found"


def test_a_till_that_was_put_back_gets_the_clouds_line_through_its_router(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[Any] = []
    of_cloud: Callable[..., Any] = OwnJournal._of_cloud

    def counted(self: OwnJournal, *asked: Any) -> Any:
        pages.append(of_cloud(self, *asked))
        return pages[-1]

    monkeypatch.setattr(OwnJournal, "_of_cloud", counted)
    outcome = simulate(story(TILL_PUT_BACK))
    assert outcome.holds, outcome.broken
    assert pages


@pytest.mark.parametrize("way", ["scatter", "pack unpack"])
def test_what_somebody_carries_excuses_no_sale_that_is_nowhere(
    simulate: Simulate, way: str
) -> None:
    def claim(world: World) -> None:
        terminal = world.terminals[0]
        terminal.restores = 1
        terminal.shown.append(Shown(NOWHERE, 1, 1))

    outcome = simulate(story(f"sell sync sell {way} sync trunk"), claim)
    assert outcome.broken == (f"I1 till-1 showed {NOWHERE} as paid, and its journal has it not",), (
        "nothing was lost but by a program"
    )
