"""Runs side by side: each process has a laboratory of its own and takes seed after seed."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from queue import Empty
from typing import Any, Final

from simulation.laboratory import laboratory
from simulation.plan import Plan, make_plan, make_sharing_plan
from simulation.runner import Outcome, run

POLL_S: Final = 1.0
"""How often it is looked whether the processes still live."""

END_S_MAX: Final = 120.0
"""How long a process may take to end its run and stop its PostgreSQL."""


class JobEnded(Exception):
    """A process ended by itself, and its seed with it. `status` is its exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a process of the simulation ended by itself, with status {status}")


@dataclass(frozen=True, slots=True)
class Task:
    """Which runs: `runs` of them from `seed` on, `only` with these steps where there are any.
    `traced`: their lines are wanted; `shares`: of tills that pass their carts on."""

    seed: int
    steps: int
    runs: int
    only: tuple[int, ...] = ()
    traced: bool = False
    shares: bool = False

    def plan(self, number: int) -> Plan:
        """The plan of a run, counted from 0."""
        make = make_sharing_plan if self.shares else make_plan
        plan = make(self.seed + number, self.steps)
        return plan.only(self.only) if self.only else plan


def outcomes(task: Task, jobs: int) -> Generator[Outcome, None, None]:
    """Each run's outcome, as soon as it is there. Closing the iterator ends the runs at hand.

    Raises JobEnded.
    """
    return _alone(task) if jobs == 1 else _side_by_side(task, jobs)


def _alone(task: Task) -> Generator[Outcome, None, None]:
    with laboratory() as place:
        for number in range(task.runs):
            yield run(place, task.plan(number))


def _side_by_side(task: Task, jobs: int) -> Generator[Outcome, None, None]:
    # Not forked: what one PostgreSQL's connections are to the parent must not be to its children.
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    following, stopped = context.Value("q", 0), context.Event()
    processes = [
        context.Process(target=_work, args=(task, following, stopped, results), daemon=False)
        for _ in range(min(jobs, task.runs))
    ]
    for process in processes:
        process.start()
    try:
        for _ in range(task.runs):
            yield _next(results, processes)
    finally:
        stopped.set()
        _end(processes, results)


def _next(results: Any, processes: list[SpawnProcess]) -> Outcome:
    while True:
        with suppress(Empty):
            outcome: Outcome = results.get(timeout=POLL_S)
            return outcome
        for process in processes:
            if process.exitcode:
                raise JobEnded(process.exitcode)


def _end(processes: list[SpawnProcess], results: Any) -> None:
    """Wait for the processes; one that holds a result would not end before somebody takes it."""
    for process in processes:
        waited_s = 0.0
        while process.is_alive() and waited_s < END_S_MAX:
            with suppress(Empty):
                while True:
                    results.get_nowait()
            process.join(POLL_S)
            waited_s += POLL_S
        process.kill()


def _work(task: Task, following: Any, stopped: Any, results: Any) -> None:
    """One process: seed after seed, until there are none or somebody says stop."""
    # Ctrl-C goes to the whole group; the parent tells what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = _wanted(task, following, stopped)
    with laboratory() as place:
        for number in wanted:
            outcome = run(place, task.plan(number))
            results.put(outcome if task.traced else replace(outcome, lines=()))


def _wanted(task: Task, following: Any, stopped: Any) -> Iterator[int]:
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive() and not stopped.is_set():
        with following.get_lock():
            number = following.value
            following.value += 1
        if number >= task.runs:
            return
        yield number
