"""`sentra simulate`: whole branches under random faults, from a seed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simulation.laboratory import Laboratory
    from simulation.plan import Plan
    from simulation.runner import Outcome

STEPS_DEFAULT = 120
LINES_SHOWN_MAX = 8


@click.command()
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The first run.")
@click.option("--steps", default=STEPS_DEFAULT, show_default=True, type=click.IntRange(0, 100_000))
@click.option(
    "--runs",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="So many runs, each with the seed after the one before.",
)
@click.option("--only", default="", help="Leave out all but these steps: 3,17,40-44.")
@click.option("--trace", is_flag=True, help="Show everything that happened.")
@click.option("--no-shrink", is_flag=True, help="Do not look for the shortest way to a failure.")
def simulate(*, seed: int, steps: int, runs: int, only: str, trace: bool, no_shrink: bool) -> None:
    """Run branches with simulated time, network and faults, and prove what must hold.

    Ends with status 1 at the first seed that breaks an invariant.
    """
    from simulation.laboratory import laboratory
    from simulation.plan import make_plan
    from simulation.runner import run

    numbers = _numbers(only)
    with laboratory() as place:
        for each in range(seed, seed + runs):
            plan = make_plan(each, steps)
            outcome = run(place, plan.only(numbers) if numbers else plan)
            if trace:
                click.echo("\n".join(outcome.lines))
            click.echo(_summary(outcome))
            if not outcome.holds:
                _tell_failure(place, outcome, plan, look=not no_shrink)
                sys.exit(1)


def _numbers(text: str) -> list[int]:
    """`3,17,40-44` as numbers. Raises click.BadParameter."""
    found: list[int] = []
    try:
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        raise click.BadParameter("Write --only as 3,17,40-44.") from None
    return found


def _summary(outcome: Outcome) -> str:
    """One line: what the run had, and its digest."""
    plan, counts = outcome.plan, outcome.counts
    tills = sum(shape.tills for shape in plan.branches)
    routers = sum(shape.routers for shape in plan.branches)
    told = (
        f"seed {plan.seed}: {len(plan.branches)} branches, {tills} tills, {routers} routers, "
        f"{len(plan.steps)} steps, {counts['sales']} sales, {counts['cuts']} power cuts"
    )
    state = f"holds after {outcome.rounds} rounds" if outcome.holds else "BROKEN"
    return f"{'✓' if outcome.holds else '✗'} {told}: {state}, {outcome.digest[:16]}"


def _tell_failure(place: Laboratory, outcome: Outcome, plan: Plan, *, look: bool) -> None:
    """What is broken, and the shortest steps to it that were found."""
    from simulation.runner import run
    from simulation.shrink import shrink

    for line in outcome.broken[:LINES_SHOWN_MAX]:
        click.echo(f"  {line}")
    if not look:
        return
    click.echo("Looking for the shortest way there …", err=True)
    shortest = shrink(outcome, lambda shorter: run(place, shorter))
    kept = [step.number for step in shortest.plan.steps][: shortest.taken]
    click.echo(f"{len(kept)} of {len(plan.steps)} steps are enough:")
    for step in shortest.plan.steps[: shortest.taken]:
        click.echo(f"  {step}")
    for line in shortest.broken[:LINES_SHOWN_MAX]:
        click.echo(f"  {line}")
    command = f"sentra simulate --seed {plan.seed} --steps {len(plan.steps)}"
    click.echo(f"Again: {command} --only {_ranges(kept)} --trace")


def _ranges(numbers: Sequence[int]) -> str:
    """`3,17,40-44`."""
    parts: list[str] = []
    for number in numbers:
        first, _, last = parts[-1].partition("-") if parts else ("", "", "")
        if parts and int(last or first) == number - 1:
            parts[-1] = f"{first}-{number}"
        else:
            parts.append(str(number))
    return ",".join(parts)
