"""Takes the steps of a plan, lets the faults stop, and says what does not hold."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sentra.failures import Failure
from simulation import checks
from simulation.checks import carts, heads
from simulation.checks.sums import refund_count
from simulation.disks import looking_around
from simulation.laboratory import Laboratory
from simulation.plan import Plan, Step
from simulation.power import NeverEnds, PowerCut
from simulation.verbs import VERBS
from simulation.world import SETTLE_MS, World

ROUNDS_MAX: Final = 8
"""Rounds within which all heads meet. One would do where nobody waits for the end of a backoff, a
rest or a pause that somebody asked for; the longest of them are two minutes."""

LOOK_EVERY: Final = 10
"""Steps between two looks at what holds at any moment; after a power cut it is looked at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. `broken` begins with the number of the invariant, the first first;
    `taken` are the steps until it showed."""

    plan: Plan
    taken: int
    digest: str
    broken: tuple[str, ...]
    lines: tuple[str, ...]
    rounds: int
    counts: Counter[str]

    @property
    def holds(self) -> bool:
        """Whether every invariant held."""
        return not self.broken

    @property
    def kind(self) -> str | None:
        """The number of the first broken invariant."""
        return self.broken[0].partition(" ")[0] if self.broken else None


def _nothing(_world: World) -> None:
    """Nothing is changed before the first step."""


def run(laboratory: Laboratory, plan: Plan, begin: Callable[[World], None] = _nothing) -> Outcome:
    """One run from an empty world to its checks; `begin` is called before the first step."""
    with laboratory.world(plan) as world, looking_around():
        counts: Counter[str] = Counter()
        broken = _prepare(world, plan)
        if not broken:
            begin(world)
            broken = _take_steps(world, plan, counts)
        rounds = 0
        if not broken:
            rounds, broken = _settle(world, plan)
        counts["sales"] = sum(len(one.shown) for one in world.terminals)
        counts["refunds"] = refund_count(world)
        if plan.shares:
            counts["passed on"] = carts.passed_on(world)
            counts["sold twice"] = len(carts.sold_twice(world))
        trace = world.site.trace
        for name, head in sorted(world.cloud.heads().items()):
            trace.say(f"head {name} {head.epoch}/{head.seq} {head.hash.hex()}")
        taken = counts.pop("taken", 0)
        lines = tuple(trace.lines)
        return Outcome(plan, taken, trace.digest(), tuple(broken), lines, rounds, counts)


def _prepare(world: World, plan: Plan) -> list[str]:
    random.seed(plan.seed)
    world.begin_step(random.Random(plan.seed))
    try:
        world.build(plan)
    except (Exception, NeverEnds) as error:
        return [_unexpected("the set-up", error)]
    return []


def _take_steps(world: World, plan: Plan, counts: Counter[str]) -> list[str]:
    looked = 0
    for place, step in enumerate(plan.steps, 1):
        # The waits between tries are drawn by a library from Python's own source.
        random.seed(step.dice)
        dice = random.Random(step.dice)
        world.begin_step(dice)
        counts[step.verb] += 1
        counts["taken"] += 1
        try:
            cut = _take(world, step, dice)
            world.site.time.pass_ms(dice.randint(5, 2_000))
            world.site.network.deliver_late()
        except (Exception, NeverEnds) as error:
            return [_unexpected(str(step), error)]
        counts["cuts"] += cut
        if cut or place - looked >= LOOK_EVERY:
            looked = place
            if broken := list(checks.at_any_moment(world)):
                return broken
    return []


def _take(world: World, step: Step, dice: random.Random) -> bool:
    """Take a step; whether somebody lost the power over it."""
    say = world.site.trace.say
    say(str(step))
    try:
        say(f"  {VERBS[step.verb](world, step, dice)}")
    except Failure as failure:
        say(f"  refused: {failure.code}")
    except PowerCut as cut:
        say(f"  {world.cut(cut.life, dice)}")
        return True
    return False


def _settle(world: World, plan: Plan) -> tuple[int, list[str]]:
    """Let the faults stop; how many rounds it took, and what did not come together or does not
    hold."""
    world.heal()
    missing: list[str] = []
    for number in range(1, ROUNDS_MAX + 1):
        random.seed(plan.seed + number)
        world.begin_step(random.Random(plan.seed + number))
        world.site.time.pass_ms(SETTLE_MS)
        try:
            world.site.network.deliver_late()
            world.everybody()
        except (Exception, NeverEnds, PowerCut) as error:
            return number, [_unexpected(f"round {number}", error)]
        with looking_around():
            missing = list(heads.check(world))
            if not missing:
                dice = random.Random(f"{plan.seed} damage")
                return number, list(checks.at_the_end(world, dice))
    return ROUNDS_MAX, [*world.faults(), *missing]


def _unexpected(where: str, error: BaseException) -> str:
    """An error that no program should have let out, with the place where it was raised."""
    if isinstance(error, NeverEnds):
        return f"I5 {where} never ends: {error}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{'/'.join(last.filename.split('/')[-2:])}:{last.lineno}"
    return f"error in {where}: {type(error).__name__}: {error} ({place})"
