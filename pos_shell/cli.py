"""`sentra pos` and `sentra replay`: the till's verbs of the command line."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--data", type=_FOLDER, help="The till's folder; also SENTRA_DATA_DIR.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: a free one is found.")
@click.option("--window/--no-window", default=None, help="Default: where there is a display.")
@click.option(
    "--address-file", type=click.Path(path_type=Path), help="Write the address with its key here."
)
def pos(data: Path | None, port: int, window: bool | None, address_file: Path | None) -> None:
    """Open the till of a folder, in a window of its own or in a browser."""
    from pos_shell.run import run_till

    run_till(data, port=port, window=window, address_file=address_file)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--data", "folders", type=_FOLDER, multiple=True, help="A till's folder; repeatable.")
@click.option("--plan", is_flag=True, help="Only read the file and say what it holds.")
@click.option("--currency", help="ISO code of the amounts; default: the tills' own, or IDR.")
@click.option("--report", type=click.Path(path_type=Path), help="Write every finding here.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Tickets a second.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines for a machine.")
def replay(
    file: Path,
    folders: tuple[Path, ...],
    plan: bool,
    currency: str | None,
    report: Path | None,
    rate: float | None,
    as_json: bool,
) -> None:
    """Record another till's tickets through the actions of these tills."""
    from pos_shell.replay.cli import replay_file, show_plan
    from sentra.i18n import say

    if plan:
        show_plan(file, currency or "IDR", as_json)
        return
    if not folders:
        raise click.UsageError(say("Name the tills' folders with --data, or use --plan."))
    replay_file(file, folders, currency=currency, report=report, rate=rate, as_json=as_json)
