"""What must hold: the invariants I1 to I10 of the protocol, looked for on the disks themselves.

`evidence` may be asked at any moment; the others when the faults have stopped and all heads have
met, which `heads` says. A check only looks, with connections of its own; what it damages it puts
back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from simulation.checks import (
    carts,
    catalogues,
    damage,
    evidence,
    journals,
    projections,
    sums,
)
from simulation.world import World


def at_any_moment(world: World) -> Iterator[str]:
    """What holds in the middle of every fault; each broken one begins with its number."""
    yield from world.faults()
    yield from evidence.check(world)


def at_the_end(world: World, dice: random.Random) -> Iterator[str]:
    """What holds when the faults have stopped and all heads have met."""
    yield from world.faults()
    yield from evidence.check(world)
    yield from journals.check(world)
    yield from projections.check(world)
    yield from sums.check(world)
    yield from catalogues.check(world)
    if world.site.shares:
        yield from carts.check(world)
    yield from damage.check(world, dice)
