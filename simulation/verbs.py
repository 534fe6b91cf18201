"""What a step can be. Each takes the world and its own dice, and says in a word what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

from sentra.cloud.snapshots import Retention
from simulation import cashier, faults, lies, sticks
from simulation.plan import Step
from simulation.power import Life, PowerCut
from simulation.terminal import TerminalMachine
from simulation.world import TILLS_MAX, World

Verb = Callable[[World, Step, random.Random], str]

_WAITS_MS: Final = (
    1_000, 10_000, 45_000, 300_000, 3 * 3_600_000, 26 * 3_600_000, 36 * 24 * 3_600_000,
)  # fmt: skip
"""The longest is more than any restore of the database goes back."""

_REVISIONS_KEPT: Final = (0, 0, 1, 4, 1_000)
_DAYS_KEPT: Final = (0, 0, 0, 1, 14)
"""What stays of a feed though a snapshot covers it."""

_WORKERS_CUT: Final = 0.15

_WORDS: Final = (None, "feed", "head")


def _at_till(act: Callable[[TerminalMachine, random.Random], str]) -> Verb:
    def verb(world: World, step: Step, dice: random.Random) -> str:
        terminal = world.terminal(step)
        with world.site.grid.run(terminal.life):
            return f"{terminal.name}: {act(terminal, dice)}"

    return verb


def _sync(world: World, step: Step, dice: random.Random) -> str:
    terminal = world.terminal(step)
    return f"{terminal.name}: {terminal.daemon.take_turn(dice.choice(_WORDS))}"


def _trunk(world: World, step: Step, dice: random.Random) -> str:
    router = world.router(step)
    if router is None:
        return "no router"
    if not router.is_up and dice.random() < 0.5:
        router.switch_on()
    return f"{router.name}: {router.take_turn(woken=dice.random() < 0.7)}"


def _by_another_way(bring: Verb) -> Verb:
    def verb(world: World, step: Step, dice: random.Random) -> str:
        try:
            return bring(world, step, dice)
        finally:
            world.note_lanes()

    return verb


def _everybody(world: World, _step: Step, _dice: random.Random) -> str:
    world.everybody()
    return "one turn each"


def _pass(world: World, _step: Step, dice: random.Random) -> str:
    wait_ms = dice.choices(_WAITS_MS, (6, 5, 5, 3, 1, 1, 1))[0]
    world.site.time.pass_ms(wait_ms)
    return f"{wait_ms} ms"


# -- the back office -------------------------------------------------------------------------------


def _price(world: World, _step: Step, dice: random.Random) -> str:
    count = dice.choice((1, 2, 5))
    world.office.change_prices(dice, count)
    return f"{count} prices"


def _goods(world: World, _step: Step, dice: random.Random) -> str:
    world.office.add_products(dice, 1)
    return "a product"


def _retire(world: World, _step: Step, dice: random.Random) -> str:
    world.office.retire_product(dice)
    return "a product less"


def _person(world: World, step: Step, dice: random.Random) -> str:
    world.office.add_person(step.pick(world.office.branches), dice)
    return "somebody new"


def _settings(world: World, step: Step, dice: random.Random) -> str:
    branch = step.pick(world.office.branches)
    world.office.change_settings(branch, dice)
    return branch.code


def _archive(world: World, _step: Step, _dice: random.Random) -> str:
    return f"{world.archive()} segments"


def _keep_feeds(world: World, _step: Step, dice: random.Random) -> str:
    """The worker makes snapshots and drops what they cover; it may die between two scopes."""
    life = Life("worker")
    if dice.random() < _WORKERS_CUT:
        life.arm(dice.randrange(3), after=dice.random() < 0.5)
    retention = Retention(dice.choice(_REVISIONS_KEPT), dice.choice(_DAYS_KEPT))
    try:
        return world.cloud.keep_feeds(retention, life)
    except PowerCut as cut:
        if cut.life is not life:
            raise
        return "the worker dies"


def _join(world: World, step: Step, _dice: random.Random) -> str:
    branch = step.number % len(world.office.branches)
    if sum(one.branch == branch for one in world.terminals) >= TILLS_MAX:
        return "no room"
    return world.add_terminal(branch).name


def _revoke(world: World, step: Step, _dice: random.Random) -> str:
    terminal = world.terminal(step)
    if sum(not one.revoked for one in world.terminals) < 2 or terminal.revoked:
        return "nobody"
    for one in world.terminals:
        one.revoked = one.revoked or one.identity is terminal.identity
    world.office.revoke(terminal.identity.device_id)
    return terminal.name


VERBS: Final[Mapping[str, Verb]] = {
    "sell": _at_till(cashier.sell),
    "burst": _at_till(cashier.burst),
    "cart": _at_till(cashier.begin_cart),
    "void": _at_till(cashier.void),
    "refund": _at_till(cashier.refund),
    "cash": _at_till(cashier.cash),
    "close": _at_till(cashier.close),
    "hold": _at_till(cashier.hold),
    "resume": _at_till(cashier.resume),
    "strange": _at_till(cashier.record_strange),
    "sync": _sync,
    "trunk": _trunk,
    "everybody": _everybody,
    "pass": _pass,
    "price": _price,
    "goods": _goods,
    "retire": _retire,
    "person": _person,
    "settings": _settings,
    "archive": _archive,
    "keep-feeds": _keep_feeds,
    "pack": sticks.pack,
    "unpack": _by_another_way(sticks.unpack),
    "forge": sticks.forge,
    "join": _join,
    "revoke": _revoke,
    "storm": faults.storm,
    "calm": faults.calm,
    "line": faults.line,
    "cut-off": faults.cut_off,
    "mend": faults.mend,
    "arm": faults.arm,
    "outage": faults.outage,
    "kill": faults.kill,
    "router-off": faults.router_off,
    "router-on": faults.router_on,
    "router-disk": faults.router_disk,
    "service": faults.service,
    "clock": faults.clock,
    "scatter": _by_another_way(faults.scatter),
    "pry": faults.pry,
    "liar": lies.liar,
    "feed-liar": lies.feed_liar,
    "database": faults.database,
    "disk-full": faults.disk_full,
    "backup": faults.backup,
    "cloud-restore": faults.cloud_restore,
    "image": faults.image,
    "put-back": faults.put_back,
    "clone": faults.clone,
}
