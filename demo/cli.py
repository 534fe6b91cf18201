"""`sentra demo`, with people or, with --check, without."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from sentra.failures import Failure
from sentra.i18n import language, say, translate
from sentra.money import currency as known_currency

FOLDER = Path(".demo")
"""Beside the checkout, so that a second start finds it; `--data` names another place."""


class DemoRunning(Failure):
    """Another demo on the same folder."""

    code = "demo-running"
    sentence = (
        "A demo is already running on %(folder)s, or is just stopping. Stop it first, or name "
        "another folder with --data."
    )


_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--check", is_flag=True, help="Without people: replay, cut, mend, verify, and end.")
@click.option("--catalogue", type=_FILE, help="With --check: a CSV or XLSX of products.")
@click.option("--tickets", type=_FILE, help="With --check: a CSV of tickets.")
@click.option(
    "--kills",
    type=click.IntRange(min=1),
    help="With --check: end programs this many times, as kill -9 does, while tickets are replayed.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="With --kills: of its chance.")
@click.option("--json", "as_json", is_flag=True, help="With --check: print the JSON line alone.")
@click.option("--currency", default="IDR", show_default=True, help="Of the company, ISO 4217.")
@click.option("--fresh", is_flag=True, help="Forget an earlier demo and begin anew.")
@click.option("--no-window", is_flag=True, help="Open no till window, only say the addresses.")
@click.option(
    "--data", "folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True
)
def demo(
    *,
    check: bool,
    catalogue: Path | None,
    tickets: Path | None,
    kills: int | None,
    seed: int,
    as_json: bool,
    currency: str,
    fresh: bool,
    no_window: bool,
    folder: Path,
) -> None:
    """Run the whole of Sentra on this machine: cloud, three branches, routers and tills."""
    logging.basicConfig(level=logging.ERROR)
    known_currency(currency)
    console = Console(stderr=True, quiet=as_json)
    if check:
        sys.exit(_check(catalogue, tickets, currency, console, kills or 0, seed))
    from demo.places import PLACES, load
    from demo.play import Play

    if folder.exists() and (fresh or not load(folder / PLACES).ready):
        # A first start that was interrupted has nothing worth keeping.
        shutil.rmtree(folder)

    Play(folder.absolute(), currency, console, windows=not no_window).run()


def _check(
    catalogue: Path | None,
    tickets: Path | None,
    currency: str,
    console: Console,
    kills: int,
    seed: int,
) -> int:
    """0 where nothing was lost, doubled or changed; the last line printed is one JSON object."""
    from demo.check import Check
    from demo.stage import Stage

    def tell(sentence: str) -> None:
        console.print(f"[bold]·[/bold] {sentence}")

    # Asked to end, it ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="sentra-check-") as folder:
        stage = Stage(Path(folder), tell, known_ports=False)
        check = Check(stage, currency, tell, kills=kills, seed=seed)
        try:
            found = check.run(catalogue, tickets)
        except Failure as failure:
            console.print(failure.told(translate(language())), style="red", markup=False)
            check.found.problems.append(failure.code)
            found = check.found
        finally:
            stage.stop()
    tell(say("Nothing lost, nothing doubled.") if found.passed else say("The check failed."))
    print(json.dumps(found.as_json(known_currency(currency)), ensure_ascii=False))
    return 0 if found.passed else 1
