"""A file becomes part of the catalogue, or only a preview of what it would become.

Reading, planning and writing happen once, in this order; the writing is one transaction, so a
crash, a second start or two people with the same file leave nothing half-imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection

from sentra.cloud.company import the_company
from sentra.money import Currency
from sentra.sheets import Sheet, read_sheet
from webapp.catalogue.importing.apply import apply_plan
from webapp.catalogue.importing.columns import Columns, choose
from webapp.catalogue.importing.kinds import Finding
from webapp.catalogue.importing.plan import Plan, make_plan, rules_of
from webapp.catalogue.importing.rows import Reading, Rules, read_rows
from webapp.catalogue.importing.summary import Summary, summarise
from webapp.catalogue.publishing import lock_catalogue
from webapp.change import Change

Stage = Literal["read", "check", "write"]
Progress = Callable[[Stage, int, int], None]
"""Told (stage, rows done, rows in all); 0 in all: not known."""

AUDIT_ACTION: Final = "catalogue.import"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file. `findings` are all of them, in the order of the file."""

    summary: Summary
    findings: tuple[Finding, ...]
    currency: Currency


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read and checked, not yet held against the catalogue."""

    sheet: Sheet
    columns: Columns
    rules: Rules
    reading: Reading

    def outcome(self, summary: Summary) -> Outcome:
        """The outcome with this summary."""
        return Outcome(summary, self.reading.findings, self.rules.currency)


def load(
    connection: Connection, path: Path, wishes: Mapping[str, str], progress: Progress
) -> Loaded:
    """Read and check a file. Raises SheetError, ColumnsUnclear, MapWrong, CompanyMissing."""
    progress("read", 0, 0)
    sheet = read_sheet(path)
    columns = choose(sheet.header, wishes)
    rules = rules_of(connection, the_company(connection))
    reading = read_rows(sheet, columns, rules, lambda done, total: progress("check", done, total))
    return Loaded(sheet, columns, rules, reading)


def preview(connection: Connection, loaded: Loaded, now_ms: int) -> Outcome:
    """What importing would do now; writes nothing."""
    plan = make_plan(connection, loaded.reading.items, now_ms)
    return loaded.outcome(_summary(loaded, plan))


def write(change: Change, loaded: Loaded, file_name: str, progress: Progress) -> Outcome:
    """Write the file into the catalogue, in the transaction of the change."""
    lock_catalogue(change.connection)
    plan = make_plan(change.connection, loaded.reading.items, change.now_ms)
    apply_plan(change, plan, loaded.rules, lambda done, total: progress("write", done, total))
    summary = _summary(loaded, plan)
    figures = summary.for_machines()
    change.audit(AUDIT_ACTION, "catalogue", file_name, **figures)
    return loaded.outcome(summary)


def _summary(loaded: Loaded, plan: Plan) -> Summary:
    return summarise(
        loaded.reading, plan, unused=loaded.columns.unused, encoding=loaded.sheet.encoding
    )
