"""What `sentra replay` prints: progress and a summary for people, or JSON lines for machines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from pos_shell.replay.plan import plan_as_json, split_findings, terminals_of
from pos_shell.replay.reader import read_tickets
from pos_shell.replay.run import Outcome, Replay, till_folders
from pos_shell.replay.tickets import Finding, Tickets
from pos_shell.till import Till
from sentra import i18n
from sentra.i18n import say
from sentra.money import Currency, to_decimal_string
from sentra.money import currency as currency_of

PROGRESS_EVERY_S: Final = 0.1
"""Between two progress lines: often enough to cut a link at a given third."""

FINDINGS_SHOWN_MAX: Final = 20
"""Findings printed for people; the report has all of them."""


def show_plan(file: Path, currency: str, as_json: bool) -> None:
    """Print what a file would do. Raises ReplayError."""
    kind = currency_of(currency)
    read = read_tickets(file, kind)
    if as_json:
        click.echo(json.dumps(plan_as_json(read, kind), ensure_ascii=False))
        return
    for one in terminals_of(read):
        click.echo(
            say(
                "%(branch)s, %(terminal)s: %(tickets)s tickets, %(lines)s lines, %(gross)s",
                branch=one.branch,
                terminal=one.terminal,
                tickets=one.tickets,
                lines=one.lines,
                gross=to_decimal_string(one.gross, kind),
            )
        )
    click.echo(
        say(
            "In all: %(tickets)s tickets, %(lines)s lines, %(gross)s %(currency)s",
            tickets=len(read.tickets),
            lines=read.taken_lines,
            gross=to_decimal_string(read.gross, kind),
            currency=kind.code,
        )
    )
    _show_findings([*read.findings, *split_findings(read)])


def replay_file(
    file: Path,
    folders: Sequence[Path],
    *,
    currency: str | None,
    report: Path | None,
    rate: float | None,
    as_json: bool,
) -> None:
    """Record a file's tickets at the tills of the folders. Raises Failure."""
    kind = currency_of(currency or _currency_of_tills(folders))
    read = read_tickets(file, kind)
    began_s = time.monotonic()
    with Replay(folders, kind.code) as replay:
        outcome = replay.run(read, _Progress(as_json), rate)
    if report is not None:
        write_report(report, outcome.findings)
    summary = _summary(read, outcome, kind, time.monotonic() - began_s)
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    else:
        _show_summary(summary, outcome)


def _currency_of_tills(folders: Sequence[Path]) -> str:
    """The currency of the first till given."""
    for folder in till_folders(folders):
        till = Till(folder, lambda: 0, bytes)
        try:
            return till.identity.currency
        finally:
            till.close()
    raise click.UsageError(say("There is no till in the folders that were given."))


class _Progress:
    """Says how far it is, at most every `PROGRESS_EVERY_S` and at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._said_s = 0.0

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done < total and now_s - self._said_s < PROGRESS_EVERY_S:
            return
        self._said_s = now_s
        if self._as_json:
            click.echo(json.dumps({"done": done, "total": total}))
        else:
            told = say("%(done)s of %(total)s tickets", done=done, total=total)
            click.echo(f"\r{told}", nl=done == total)


def write_report(path: Path, findings: Sequence[Finding]) -> None:
    """One JSON object a line for each finding, in the order of the file."""
    gettext = i18n.translate(i18n.language())
    with path.open("w", encoding="utf-8") as report:
        for finding in sorted(findings, key=lambda one: one.line):
            report.write(json.dumps(finding.as_json(gettext), ensure_ascii=False) + "\n")


def _summary(
    read: Tickets, outcome: Outcome, currency: Currency, seconds: float
) -> dict[str, object]:
    refused = {finding.line for finding in outcome.findings if not finding.taken}
    return {
        "tickets": outcome.recorded,
        "lines": outcome.lines,
        "gross": to_decimal_string(outcome.gross, currency),
        "currency": currency.code,
        "file_gross": to_decimal_string(read.gross, currency),
        "skipped": outcome.skipped,
        "rejected_lines": len(refused),
        "findings": len(outcome.findings),
        "seconds": round(seconds, 3),
    }


def _show_summary(summary: dict[str, object], outcome: Outcome) -> None:
    click.echo(
        say(
            "%(tickets)s tickets with %(lines)s lines were recorded: %(gross)s %(currency)s. "
            "%(skipped)s were in the books before.",
            **summary,
        )
    )
    if summary["rejected_lines"]:
        click.echo(say("%(rejected_lines)s lines were not taken:", **summary))
    _show_findings(outcome.findings)


def _show_findings(findings: Sequence[Finding]) -> None:
    tell: Callable[[str], str] = i18n.translate(i18n.language())
    refused_first = sorted(findings, key=lambda one: (one.taken, one.line))
    for finding in refused_first[:FINDINGS_SHOWN_MAX]:
        mark = "·" if finding.taken else "✗"
        place = say("line %(line)s, %(column)s", line=finding.line, column=finding.column)
        click.echo(f"  {mark} {place} “{finding.value}”: {finding.cause.told(tell)}")
    if len(findings) > FINDINGS_SHOWN_MAX:
        rest = len(findings) - FINDINGS_SHOWN_MAX
        click.echo(say("  … and %(count)s more; --report FILE writes all of them.", count=rest))
