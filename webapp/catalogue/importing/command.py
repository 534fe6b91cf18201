"""What `sentra import catalogue` does and prints."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from sentra import i18n
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.keys import load_keys
from sentra.cloud.redis_client import connect_redis
from sentra.cloud.schema import require_newest
from sentra.failures import Failure
from sentra.i18n import say
from sentra.money import Currency, to_decimal_string
from webapp.catalogue.importing import run
from webapp.catalogue.importing.kinds import KINDS
from webapp.catalogue.importing.records import record_run
from webapp.catalogue.importing.report import write_report
from webapp.catalogue.importing.summary import Group, Summary
from webapp.change import Actor, Parts, open_change
from webapp.config import read_settings

EXAMPLES_SHOWN: Final = 2
"""Findings of each kind that are printed; the report has all of them."""


class MapUnreadable(Failure):
    """A --map that is no pair."""

    code = "import-map-unreadable"
    sentence = "“%(given)s” is no mapping. Write it as --map COLUMN=FIELD, nama=name for example."


class ReportUnwritable(Failure):
    """The report cannot be written where it should be."""

    code = "import-report"
    sentence = "The report cannot be written to %(path)s: %(reason)s. The import itself is done."


def import_catalogue(
    file: Path, wishes: Sequence[str], *, dry_run: bool, report: Path | None, as_json: bool
) -> bool:
    """Import a file, or only look at it; whether anything could be taken. Raises Failure."""
    pairs = dict(_pair(wish) for wish in wishes)
    with _progress() as progress:
        outcome = _run(file, pairs, dry_run, progress)
    if report is not None:
        _write_report(report, outcome)
    _show(outcome, dry_run=dry_run, report=report)
    if as_json:
        click.echo(json.dumps(outcome.summary.for_machines(), ensure_ascii=False))
    return outcome.summary.taken > 0


def _run(
    file: Path, wishes: Mapping[str, str], dry_run: bool, progress: run.Progress
) -> run.Outcome:
    settings = read_settings()
    keys = load_keys(settings.keys_dir)
    engine = make_engine(settings.database_url, application="sentra import")
    try:
        wait_for_database(engine)
        with engine.connect() as connection:
            require_newest(connection)
            loaded = run.load(connection, file, wishes, progress)
            if dry_run or not loaded.reading.items:
                return run.preview(connection, loaded, _now_ms())
        parts = Parts(connect_redis(settings.redis_url), keys, _now_ms)
        with open_change(engine, parts, Actor(None, "sentra import")) as change:
            outcome = run.write(change, loaded, file.name, progress)
            record_run(change, file, wishes, outcome)
        return outcome
    finally:
        engine.dispose()


def _pair(wish: str) -> tuple[str, str]:
    column, equals, field = wish.rpartition("=")
    if not equals or not column.strip():
        raise MapUnreadable(given=wish)
    return column.strip(), field.strip()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _progress() -> Iterator[run.Progress]:
    """A bar on stderr, which leaves stdout to the results."""
    stages = {
        "read": say("Reading the file"),
        "check": say("Checking the rows"),
        "write": say("Writing the products"),
    }
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        bar = bars.add_task("", total=None)

        def tell(stage: run.Stage, done: int, total: int) -> None:
            bars.update(bar, description=stages[stage], completed=done, total=total or None)

        yield tell


def _write_report(path: Path, outcome: run.Outcome) -> None:
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as target:
            gettext = i18n.translate(i18n.language())
            write_report(target, outcome.findings, outcome.currency, gettext)
    except OSError as error:
        raise ReportUnwritable(path=path, reason=error.strerror or error) from error


def _show(outcome: run.Outcome, *, dry_run: bool, report: Path | None) -> None:
    summary = outcome.summary
    click.echo(_headline(summary, dry_run))
    if summary.encoding is not None:
        click.echo(
            say("The file does not say how its letters are coded; it was read as %(encoding)s.",
                encoding=summary.encoding)
        )  # fmt: skip
    if summary.unused:
        names = ", ".join(summary.unused)
        click.echo(say("Columns that were left aside: %(names)s.", names=names))
    for group in summary.groups:
        _show_group(group, outcome.currency)
    if summary.groups and report is None:
        click.echo(say("--report FILE.csv writes all of them down, line by line."))
    elif report is not None:
        click.echo(say("All findings are in %(path)s.", path=report))


def _headline(summary: Summary, dry_run: bool) -> str:
    figures = {
        "rows": summary.rows,
        "taken": summary.taken,
        "new": summary.new,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "refused": summary.refused,
    }
    if summary.taken == 0:
        return say("None of the %(rows)s rows could be taken. Nothing was changed.", **figures)
    if summary.new == summary.changed == 0:
        sentence = say(
            "Nothing to change: all %(taken)s products of the file are in the catalogue just so.",
            **figures,
        )
    elif dry_run:
        sentence = say(
            "Only looked: of %(rows)s rows %(taken)s would be taken (%(new)s new, %(changed)s "
            "changed, %(unchanged)s as they are).",
            **figures,
        )
    else:
        sentence = say(
            "Of %(rows)s rows %(taken)s were taken: %(new)s new, %(changed)s changed, "
            "%(unchanged)s as they were.",
            **figures,
        )
    if summary.refused:
        sentence += "\n" + say("%(refused)s rows were REFUSED and left out:", **figures)
    return sentence


def _show_group(group: Group, currency: Currency) -> None:
    mark = "✗" if group.is_refused else "·"
    click.echo(f"{mark} {group.count} × {say(KINDS[group.kind].title)}")
    gettext = i18n.translate(i18n.language())
    for finding in group.examples[:EXAMPLES_SHOWN]:
        sentence = finding.told(gettext, lambda amount: to_decimal_string(amount, currency))
        where = say("line %(line)s, %(column)s", line=finding.line, column=finding.column or "–")
        click.echo(f"    {where}: {finding.value!r}: {sentence}")
    if group.count > EXAMPLES_SHOWN:
        click.echo("    " + say("and %(count)s more", count=group.count - EXAMPLES_SHOWN))
