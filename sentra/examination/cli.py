"""`sentra doctor`: one line for each check, advice for each finding, status 1 where one is bad."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from sentra.examination.findings import Finding
from sentra.i18n import say

_MARKS: Final = {"ok": "[green]✓[/]", "attention": "[yellow]![/]", "bad": "[red]✗[/]"}


@click.command()
@click.option(
    "--data",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A till's or router's folder; may be given several times. Also the setting "
    "SENTRA_DATA_DIR.",
)
@click.option("--cloud", is_flag=True, help="The cloud of SENTRA_DATABASE_URL.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(folders: tuple[Path, ...], cloud: bool, as_json: bool) -> None:
    """Examine a till, a router or the cloud, and say what to do."""
    places = _places(folders, cloud=cloud)
    found = {place: _examine(place) for place in places}
    if as_json:
        told = [
            {"place": place, "findings": [asdict(one) for one in findings]}
            for place, findings in found.items()
        ]
        click.echo(json.dumps({"places": told, "state": _worst(found)}, ensure_ascii=False))
    else:
        for place, findings in found.items():
            _tell(place, findings)
    if _worst(found) == "bad":
        sys.exit(1)


def _places(folders: Sequence[Path], *, cloud: bool) -> list[str]:
    """What is to be examined: what was asked for, else what the environment names."""
    here = os.environ.get("SENTRA_DATA_DIR", "").strip()
    if not folders and not cloud and here:
        folders = [Path(here)]
    places = [str(folder.absolute()) for folder in folders]
    if cloud or (not places and os.environ.get("SENTRA_DATABASE_URL", "").strip()):
        places.append("cloud")
    if not places:
        raise click.UsageError(say("Say what to examine: --data FOLDER or --cloud."))
    return places


def _examine(place: str) -> Sequence[Finding]:
    from sentra.examination import offers

    if place == "cloud":
        return offers.examine_cloud()
    from sentra.examination.device import examine_folder

    identity, findings = examine_folder(Path(place))
    if identity is None:
        return findings
    return [*findings, *offers.examine_device(identity.role, Path(place))]


def _worst(found: dict[str, Sequence[Finding]]) -> str:
    states = {one.state for findings in found.values() for one in findings}
    return next((state for state in ("bad", "attention") if state in states), "ok")


def _tell(place: str, findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    # Where it goes into a file or a ticket, lines are as long as they are.
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(title=escape(place), title_justify="left", box=None, pad_edge=False)
    for header in ("", say("Check"), say("Found")):
        table.add_column(header, overflow="fold")
    for one in findings:
        told = escape(one.told)
        if one.advice:
            told += f"\n[bold]→ {escape(one.advice)}[/]"
        table.add_row(_MARKS[one.state], escape(one.label), told)
    console.print(table)
