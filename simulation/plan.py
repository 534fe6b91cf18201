"""A run, drawn from its seed before anything happens: the branches, and the steps one by one.

Each step carries the dice of everything random in it, so that leaving one out changes none of the
others: that is what lets a failure be shrunk to the steps that matter.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

_T = TypeVar("_T")

WORK: Final[Mapping[str, int]] = {
    "sell": 26,
    "burst": 3,
    "cart": 4,
    "void": 3,
    "refund": 4,
    "cash": 3,
    "close": 3,
    "hold": 2,
    "resume": 2,
    "strange": 2,
    "sync": 26,
    "trunk": 14,
    "everybody": 4,
    "pass": 8,
    "price": 5,
    "goods": 2,
    "retire": 1,
    "person": 1,
    "settings": 1,
    "archive": 3,
    "keep-feeds": 5,
    "pack": 8,
    "unpack": 8,
}
"""What happens on any day, and how often."""

FAULTS: Final[Mapping[str, int]] = {
    "storm": 3,
    "calm": 2,
    "database": 3,
    "disk-full": 2,
    "line": 4,
    "cut-off": 2,
    "mend": 3,
    "arm": 10,
    "outage": 3,
    "kill": 3,
    "router-off": 2,
    "router-on": 2,
    "router-disk": 1,
    "service": 2,
    "clock": 8,
    "scatter": 6,
    "pry": 2,
    "liar": 2,
    "feed-liar": 2,
    "forge": 2,
    "join": 1,
    "revoke": 1,
    "backup": 2,
    "cloud-restore": 2,
    "image": 3,
    "put-back": 2,
    "clone": 1,
}
"""What goes wrong. A run has some of them and not others, so that each is seen without the rest."""

CARTS: Final[Mapping[str, int]] = {
    "sell": 16,
    "hold": 12,
    "resume": 16,
    "void": 1,
    "close": 1,
    "sync": 8,
    "trunk": 3,
    "everybody": 26,
    "pass": 3,
}
"""What happens in a branch whose tills pass their carts on all the time."""

CART_FAULTS: Final[Mapping[str, int]] = {
    "storm": 2,
    "calm": 4,
    "line": 2,
    "cut-off": 2,
    "mend": 6,
    "arm": 12,
    "kill": 4,
    "router-off": 2,
    "router-on": 6,
    "router-disk": 1,
    "disk-full": 1,
    "clock": 2,
}
"""What goes wrong there. A disk that is put back may lose a cart, which is no fact yet, and a
copied machine has its carts twice: neither is among them."""

_TILLS: Final = (1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 6, 12)
_ROUTERS: Final = (0, 1, 1, 1, 1, 2)
_DICE: Final = 2**32
WHO: Final = 2**16


@dataclass(frozen=True, slots=True)
class BranchShape:
    """How many tills and routers a branch starts with."""

    tills: int
    routers: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens. `who` is a share of `WHO`: it picks among those that could do it,
    whatever their number, and the first more often, so that a backlog grows at some."""

    number: int
    verb: str
    who: int
    dice: int

    def pick(self, many: Sequence[_T]) -> _T:
        """One of many."""
        return many[self.who * len(many) // WHO]

    def __str__(self) -> str:
        return f"{self.number}: {self.verb}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `tight`: pages, segments and runs hold so little that all are cut. `shares`: the
    tills share their carts through the router."""

    seed: int
    branches: tuple[BranchShape, ...]
    steps: tuple[Step, ...]
    tight: bool = False
    shares: bool = False

    def only(self, numbers: Sequence[int]) -> Plan:
        """The same run with these of its steps."""
        kept = set(numbers)
        steps = tuple(step for step in self.steps if step.number in kept)
        return replace(self, steps=steps)


def make_plan(seed: int, steps: int) -> Plan:
    """The plan of a seed; a longer one begins with the same steps."""
    dice = random.Random(seed)
    branches = tuple(
        BranchShape(dice.choice(_TILLS), dice.choice(_ROUTERS))
        for _ in range(dice.choice((1, 1, 1, 2)))
    )
    faults = {verb: weight for verb, weight in FAULTS.items() if dice.random() < _SHARE}
    tight = dice.random() < _TIGHT
    return Plan(seed, branches, _steps(dice, {**WORK, **faults}, steps), tight)


def make_sharing_plan(seed: int, steps: int) -> Plan:
    """The same for one branch whose tills share their carts."""
    dice = random.Random(f"{seed} carts")
    branches = (BranchShape(dice.choice(_SHARING_TILLS), 1),)
    faults = {verb: weight for verb, weight in CART_FAULTS.items() if dice.random() < _SHARE}
    return Plan(seed, branches, _steps(dice, {**CARTS, **faults}, steps), shares=True)


def _steps(dice: random.Random, weights: Mapping[str, int], count: int) -> tuple[Step, ...]:
    verbs, counts = list(weights), list(weights.values())
    return tuple(
        Step(
            number,
            dice.choices(verbs, counts)[0],
            int(WHO * dice.random() ** 2),
            dice.randrange(_DICE),
        )
        for number in range(1, count + 1)
    )


_SHARING_TILLS: Final = (2, 2, 3, 4)

_TIGHT: Final = 0.4
"""Of the runs."""

_SHARE: Final = 0.75
"""Of the kinds of faults, in one run."""
