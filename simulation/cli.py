"""`sentra simulate`: whole branches under random faults, from a seed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from simulation.jobs import Task
    from simulation.runner import Outcome
    from simulation.tally import Tally

STEPS_DEFAULT = 120
LINES_SHOWN_MAX = 8
SHRUNK_MAX = 10
"""Failures for which the shortest way is looked for: each takes a minute or two."""

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended."""


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
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="So many runs side by side, each with a PostgreSQL of its own.",
)
@click.option("--carts", is_flag=True, help="Tills that pass their carts on through the router.")
@click.option("--only", default="", help="Leave out all but these steps: 3,17,40-44.")
@click.option("--trace", is_flag=True, help="Show everything that happened.")
@click.option("--no-shrink", is_flag=True, help="Do not look for the shortest way to a failure.")
def simulate(
    *,
    seed: int,
    steps: int,
    runs: int,
    jobs: int,
    carts: bool,
    only: str,
    trace: bool,
    no_shrink: bool,
) -> None:
    """Run branches with simulated time, network and faults, and prove what must hold.

    Every run is made, also behind one that breaks an invariant; those are named at the end. Ends
    with status 1 where there is one, and with status 130 where somebody stopped it.
    """
    from simulation.jobs import JobEnded, Task
    from simulation.tally import Tally

    task, tally = Task(seed, steps, runs, _numbers(only), traced=trace, shares=carts), Tally()
    stopped = False
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run_all(task, jobs, tally)
    except KeyboardInterrupt:
        stopped = True
    except JobEnded as ended:
        stopped = True
        click.echo(f"Stopped: {ended}.", err=True)
    _tell(task, tally, look=not (no_shrink or stopped))
    if tally.broken:
        sys.exit(1)
    if stopped:
        sys.exit(INTERRUPTED)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _numbers(text: str) -> tuple[int, ...]:
    from simulation.tally import numbers_of

    try:
        return tuple(numbers_of(text))
    except ValueError:
        raise click.BadParameter("Write --only as 3,17,40-44.") from None


def _run_all(task: Task, jobs: int, tally: Tally) -> None:
    from simulation.jobs import outcomes

    with _progress(task.runs) as advance, closing(outcomes(task, jobs)) as ended:
        for outcome in ended:
            tally.add(outcome)
            if task.traced:
                click.echo("\n".join(outcome.lines))
            click.echo(_summary(outcome))
            for line in outcome.broken[:LINES_SHOWN_MAX]:
                click.echo(f"  {line}")
            advance(len(tally.broken))


@contextmanager
def _progress(runs: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; `advance(broken)` says that one more has ended, and how many broke."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[broken]} broke"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    disabled = runs == 1 or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disabled) as bars:
        bar = bars.add_task("seeds", total=runs, broken=0, rate="")

        def advance(broken: int) -> None:
            speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
            rate = "" if speed is None else f"{60 * speed:.0f} a minute"
            bars.update(bar, advance=1, broken=broken, rate=rate)

        yield advance


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


def _tell(task: Task, tally: Tally, *, look: bool) -> None:
    """What ran, and each failure with the command that replays it."""
    from simulation.tally import ranges

    if task.runs > 1:
        click.echo(str(tally))
    left = sorted(set(range(task.seed, task.seed + task.runs)) - set(tally.seeds))
    if left:
        click.echo(f"Did not run: {ranges(left)}")
    for place, outcome in enumerate(sorted(tally.broken, key=lambda one: one.plan.seed)):
        seed, steps = outcome.plan.seed, ranges(task.only)
        kind = " --carts" if task.shares else ""
        command = f"sentra simulate{kind} --seed {seed} --steps {task.steps}"
        click.echo(f"✗ seed {seed}: {outcome.broken[0]}")
        if look and place < SHRUNK_MAX:
            steps = _shrunk(outcome)
        click.echo(f"Again: {command}{f' --only {steps}' if steps else ''} --trace")


def _shrunk(outcome: Outcome) -> str:
    """Tells the shortest steps to the same failure that were found; their numbers."""
    from simulation.laboratory import laboratory
    from simulation.runner import run
    from simulation.shrink import shrink
    from simulation.tally import ranges

    click.echo("Looking for the shortest way there …", err=True)
    with laboratory() as place:
        shortest = shrink(outcome, lambda shorter: run(place, shorter))
    kept = shortest.plan.steps[: shortest.taken]
    click.echo(f"{len(kept)} of {len(outcome.plan.steps)} steps are enough:")
    for step in kept:
        click.echo(f"  {step}")
    for line in shortest.broken[:LINES_SHOWN_MAX]:
        click.echo(f"  {line}")
    return ranges([step.number for step in kept])
