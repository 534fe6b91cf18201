"""What `sentra simulate` says of many runs: which ran, which broke, and how to see that again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

import pytest
from click.testing import CliRunner, Result

from simulation import jobs
from simulation.cli import INTERRUPTED, simulate
from simulation.jobs import JobEnded, Task
from simulation.runner import Outcome
from simulation.tally import Tally, numbers_of, ranges

COUNTS = Counter(sales=3, refunds=1, cuts=2, storm=4, mend=5, sell=9)


def _outcome(task: Task, number: int, *broken: str) -> Outcome:
    return Outcome(task.plan(number), task.steps, "0" * 64, broken, (), 1, COUNTS)


def _simulate(monkeypatch: pytest.MonkeyPatch, ends: BaseException | None, *broken: int) -> Result:
    """Five runs from seed 10 in any order; those that break, and how it all ends."""

    def outcomes(task: Task, count: int) -> Generator[Outcome, None, None]:
        assert count == 2
        for number in (1, 0, 3, 4) if ends else (1, 0, 3, 4, 2):
            yield _outcome(task, number, *(["I4 lost"] if number + 10 in broken else []))
        if ends:
            raise ends

    monkeypatch.setattr(jobs, "outcomes", outcomes)
    words = "--seed 10 --steps 30 --runs 5 --jobs 2 --no-shrink"
    return CliRunner().invoke(simulate, words.split())


def test_all_runs_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = _simulate(monkeypatch, None)
    assert ran.exit_code == 0
    last = "5 seeds ran (10-14), 0 broke: 150 steps, 15 sales, 5 refunds, 10 power cuts, 20 faults"
    assert ran.output.splitlines()[-1] == last


def test_each_failure_is_named_with_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = _simulate(monkeypatch, None, 13, 11)
    assert ran.exit_code == 1
    named = [line for line in ran.output.splitlines() if line.startswith("Again: ")]
    assert named == [
        f"Again: sentra simulate --seed {seed} --steps 30 --trace" for seed in (11, 13)
    ]


@pytest.mark.parametrize("ends", [KeyboardInterrupt(), JobEnded(-9)], ids=["stopped", "killed"])
def test_who_stops_it_learns_what_ran(monkeypatch: pytest.MonkeyPatch, ends: BaseException) -> None:
    ran = _simulate(monkeypatch, ends)
    assert ran.exit_code == INTERRUPTED
    assert "4 seeds ran (10-11,13-14), 0 broke" in ran.output
    assert "Did not run: 12" in ran.output
    assert _simulate(monkeypatch, ends, 14).exit_code == 1


def test_what_mends_is_no_fault() -> None:
    tally = Tally()
    tally.add(_outcome(Task(1, 30, 1), 0))
    assert tally.totals["faults"] == COUNTS["storm"]


def test_steps_are_written_as_ranges_and_read_again() -> None:
    assert ranges([3, 17, 40, 41, 42, 44]) == "3,17,40-42,44"
    assert numbers_of("3,17,40-42,44") == [3, 17, 40, 41, 42, 44]
    assert ranges(numbers_of("5-6")) == "5-6"
