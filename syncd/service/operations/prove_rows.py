"""Prove stored rows: each against a rebuild from the facts. Pure: rows in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Date

from sentra.events import Fact
from sentra.finding import Finding, found
from sentra.ids import is_id
from sentra.projection.rows import Place, Row, project
from sentra.projection.tables import SHARED

N_: Final = str

KEY_COLUMN: Final = {table.name: list(table.columns)[1].name for table in SHARED}
"""The column behind branch_id in each table's key: the fact's own id."""

_DAYS: Final = {
    table.name: [at for at, column in enumerate(table.columns) if isinstance(column.type, Date)]
    for table in SHARED
}


@dataclass(frozen=True, slots=True)
class Owner:
    """The entry that gives a row, and its receipt's number."""

    place: Place
    receipt: str


Rows = dict[str, dict[Row, Owner]]
"""By table."""


def expect(place: Place, fact: Fact, rows: Rows, receipt: str) -> Iterator[Finding]:
    """Add what a fact gives to the rows, as the database returns them.

    An altered fact may give nothing that a table could hold: that is a finding, never a crash.
    """
    try:
        given = [(table, as_stored(table, row)) for table, row in project(place, fact)]
        if not all(is_id(row[1]) for _, row in given):
            raise ValueError("its id is none")
    except Exception as error:
        yield _at(place, N_("it gives no rows: %(error)s"), receipt, error=error)
        return
    for table, row in given:
        rows.setdefault(table, {})[row] = Owner(place, receipt)


def as_stored(table: str, row: Sequence[Any]) -> Row:
    """A row with its days as dates."""
    days = _DAYS[table]
    if not days:
        return tuple(row)
    return tuple(
        date.fromisoformat(value) if at in days and isinstance(value, str) else value
        for at, value in enumerate(row)
    )


def compare_rows(expected: Rows, stored: Mapping[str, Iterable[Row]]) -> list[Finding]:
    """Rows that should be there and are not, or are otherwise; the first entries first."""
    findings: set[Finding] = set()
    for table, wanted in expected.items():
        there = set(stored.get(table, ()))
        for row in wanted.keys() - there:
            sentence = N_("its row in %(table)s differs or is missing")
            findings.add(_at(wanted[row].place, sentence, wanted[row].receipt, table=table))
        owners = {row[1]: owner for row, owner in wanted.items()}
        for row in there - wanted.keys():
            owner, sentence = owners[row[1]], N_("%(table)s has a row that it does not give")
            findings.add(_at(owner.place, sentence, owner.receipt, table=table))
    return sorted(findings, key=lambda one: (one.terminal_id or "", one.epoch, one.seq))


def _at(place: Place, sentence: str, receipt: str, **values: object) -> Finding:
    return found(
        "projection",
        place.epoch,
        place.seq,
        sentence,
        receipt=receipt,
        terminal_id=place.terminal_id,
        branch_id=place.branch_id,
        **{name: str(value) for name, value in values.items()},
    )
