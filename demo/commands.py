"""Commands of ours that the demo runs to their end, and what it waits for."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import text

from demo.processes import sentra_command
from demo.stage import Stage
from sentra.failures import Failure
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue
from sentra.vault.database import Vault

CONVERGED_S_MAX = 600.0
"""What the backlog of the middle third may take to drain before the check gives up."""


class NotConverged(Failure):
    """The heads did not meet in time."""

    code = "demo-not-converged"
    sentence = "After %(seconds)s seconds %(count)s tills still hold sales that the cloud lacks."


class CommandFailed(Failure):
    """A command of ours that did not end well."""

    code = "demo-command-failed"
    sentence = "`sentra %(command)s` failed:\n%(said)s"


def run_sentra(stage: Stage, *arguments: str, accept: Sequence[int] = (0,)) -> str:
    """Runs a command of ours and returns its last line of output. Raises CommandFailed."""
    ran = subprocess.run(
        [*sentra_command(), *arguments],
        env={**os.environ, **stage.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode not in accept or not ran.stdout.strip():
        said = (ran.stderr or ran.stdout)[-2000:]
        raise CommandFailed(command=" ".join(arguments[:2]), said=said)
    return ran.stdout.strip().splitlines()[-1]


def replay_progress(
    stage: Stage,
    tickets_file: Path,
    rate: int | None = None,
    *,
    started: Callable[[subprocess.Popen[str]], None] = lambda _process: None,
) -> Iterator[tuple[int, int]]:
    """Replays tickets through every till of the stage; yields (done, total) while it works.

    `rate` is tickets per second at the most. `started` is given the process.

    Raises CommandFailed where the replay did not end well.
    """
    folders = [word for place in stage.places.of("terminal") for word in ("--data", place.folder)]
    report = str(stage.folder / "replay-report.jsonl")
    arguments = ["replay", str(tickets_file.absolute()), *folders, "--json", "--report", report]
    arguments += [] if rate is None else ["--rate", str(rate)]
    said = stage.folder / "logs" / "replay.log"
    with (
        said.open("w") as errors,
        subprocess.Popen(
            [*sentra_command(), *arguments],
            env={**os.environ, **stage.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as replay,
    ):
        started(replay)
        for line in replay.stdout or ():
            if not line.endswith("\n"):
                break  # It was ended in the middle of a word.
            step = json.loads(line)
            if "done" in step and "total" in step:
                yield step["done"], step["total"]
    if replay.returncode != 0:
        raise CommandFailed(command="replay", said=said.read_text()[-2000:])


def wait_for_feed(stage: Stage) -> None:
    """Until every till holds what the cloud has decided so far. Raises NotConverged."""
    with stage.engine.connect() as connection:
        rows = connection.execute(text("SELECT scope, revision FROM feed_head"))
        heads: dict[str, int] = {str(scope): revision for scope, revision in rows}
    deadline_s = time.monotonic() + CONVERGED_S_MAX
    for place in stage.places.of("terminal"):
        scopes = (COMPANY, stage.places.branches[place.branch])
        goals = {scope: heads.get(scope, 0) for scope in scopes}
        vault = Vault.open(Path(place.folder))
        try:
            while not _has_feed(vault, goals):
                if time.monotonic() > deadline_s:
                    raise NotConverged(seconds=int(CONVERGED_S_MAX), count=1)
                time.sleep(0.1)
        finally:
            vault.close()


def _has_feed(vault: Vault, heads: dict[str, int]) -> bool:
    with vault.reader() as db:
        return all(catalogue.cursor(db, scope) >= head for scope, head in heads.items())
