"""What many runs come to, and which of them were there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulation.plan import FAULTS
from simulation.runner import Outcome

_MENDING = {"calm", "mend", "router-on", "backup", "image"}
"""Steps among the faults after which nothing is worse than before."""


_SUMMED = ("sales", "refunds", "cuts", "passed on", "sold twice")


@dataclass(slots=True)
class Tally:
    """The runs that have ended so far, and what was in them."""

    seeds: list[int] = field(default_factory=list)
    broken: list[Outcome] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.seeds.append(outcome.plan.seed)
        counts = outcome.counts
        self.totals.update({name: counts[name] for name in _SUMMED})
        self.totals["faults"] += sum(counts[verb] for verb in FAULTS.keys() - _MENDING)
        self.totals["steps"] += outcome.taken
        if not outcome.holds:
            self.broken.append(outcome)

    def __str__(self) -> str:
        total = self.totals
        carts = ""
        if total["passed on"]:
            carts = f", {total['passed on']:,} carts passed on, {total['sold twice']:,} sold twice"
        return (
            f"{len(self.seeds):,} seeds ran ({ranges(sorted(self.seeds))}), "
            f"{len(self.broken)} broke: {total['steps']:,} steps, {total['sales']:,} sales, "
            f"{total['refunds']:,} refunds, {total['cuts']:,} power cuts, "
            f"{total['faults']:,} faults{carts}"
        )


def ranges(numbers: Sequence[int]) -> str:
    """`3,17,40-44`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def numbers_of(text: str) -> list[int]:
    """`3,17,40-44` as numbers. Raises ValueError."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
