"""A tickets file as records: a sheet whose columns are known by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pos_shell.replay.errors import ColumnsMissing, ColumnUnknown, EncodingGuessed
from pos_shell.replay.tickets import Finding
from sentra.sheets import Sheet, read_sheet, shown

COLUMNS: Final = (
    "ticket",
    "branch",
    "terminal",
    "at",
    "code",
    "name",
    "quantity",
    "unit_price",
    "payment",
)

LINES_MAX: Final = 5_000_000
"""Years of a chain, and what a small machine still holds in memory."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's table, where each of `COLUMNS` stands in it, and what its header had to say."""

    sheet: Sheet
    places: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def has_comma_decimals(self) -> bool:
        """Whether semicolons part the columns, because the comma is for decimals there."""
        return self.sheet.delimiter == ";"


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one line, in the order of `COLUMNS`."""

    line: int
    fields: tuple[str, ...]


def read_source(path: Path) -> Source:
    """The file, its columns found by their names in the first line, in any order and case.

    Raises:
        SheetError: the file is no table.
        ColumnsMissing: its header lacks columns.
    """
    sheet = read_sheet(path, rows_max=LINES_MAX)
    names = [name.lower() for name in sheet.header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ColumnsMissing(
            path=path,
            missing=", ".join(missing),
            columns=", ".join(COLUMNS),
            found=shown(", ".join(names)),
        )
    findings = [
        Finding(1, name or "–", shown(name), ColumnUnknown(), taken=True)
        for name in names
        if name not in COLUMNS
    ]
    if sheet.encoding is not None:
        cause = EncodingGuessed(encoding=sheet.encoding)
        findings.append(Finding(1, "–", sheet.encoding, cause, taken=True))
    places = {name: names.index(name) for name in COLUMNS}
    return Source(sheet, places, tuple(findings))


def records(source: Source) -> Iterator[Record | Finding]:
    """Each line below the header that is not blank: its fields, or why it has none."""
    order = [source.places[name] for name in COLUMNS]
    for row in source.sheet.rows:
        if row.problem is not None:
            yield Finding(row.line, "–", shown(row.cells[0]), row.problem, taken=False)
        else:
            yield Record(row.line, tuple(row.cells[place] for place in order))
