"""The shortest way to a failure that can be found: leave steps out, and see whether it still fails.

Each step carries its own dice, so what is left does what it did before as far as the world allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simulation.plan import Plan
from simulation.runner import Outcome

RUNS_MAX: Final = 120
"""Runs that one search may take: a minute or two."""


def shrink(
    outcome: Outcome, run: Callable[[Plan], Outcome], *, runs_max: int = RUNS_MAX
) -> Outcome:
    """The shortest run found that breaks the same invariant.

    First everything behind the failure goes, then halves, quarters and so on down to single steps,
    until no single one can be left out.
    """
    plan, left = outcome.plan, runs_max
    best = outcome
    numbers = [step.number for step in plan.steps][: outcome.taken]
    size = max(1, len(numbers) // 2)
    while left > 0 and numbers:
        shorter = None
        for start in range(0, len(numbers), size):
            candidate = numbers[:start] + numbers[start + size :]
            tried = run(plan.only(candidate))
            left -= 1
            if tried.kind == outcome.kind:
                shorter = candidate[: tried.taken]
                best = tried
                break
            if left == 0:
                break
        if shorter is not None:
            numbers = shorter
            size = max(1, min(size, len(numbers) // 2))
        elif size == 1:
            break
        else:
            size //= 2
    return best
