"""Two tables, row by row in the order of their keys: what is missing, too much or otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, String, Table, Text, collate, select

from sentra.cloud.tables import (
    SHARED,
    branch,
    daily_product,
    device,
    fork_segment,
    hourly_sales,
    hourly_tender,
    journal_entry,
    journal_head,
    segment,
    stock_level,
)

PROJECTED: Final[tuple[Table, ...]] = (
    *SHARED.values(),
    hourly_sales,
    hourly_tender,
    daily_product,
    stock_level,
)
"""What is derived from the journal."""

LOG: Final[tuple[Table, ...]] = (branch, device, journal_head, segment, fork_segment, journal_entry)
"""What it is derived from, and who wrote it."""

_SAID_DAILY: Final = frozenset(
    {
        "last_heard_at_ms",
        "software",
        "host",
        "skew_ms",
        "backlog",
        "oldest_waiting_ms",
        "addresses",
        "via",
        "feed",
    }
)
"""Columns of `device` that it says again at its next hello."""

KEPT_MAX: Final = 20
"""Differences of one table that are kept: a person reads no more."""

_BLOCK_ROWS: Final = 5_000

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One key of one table. `columns` are those whose values differ."""

    table: str
    key: tuple[str, ...]
    how: Literal["missing", "extra", "differs"]
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = f"differs in {', '.join(self.columns)}" if self.columns else self.how
        return f"{self.table} {' '.join(self.key)}: {what}"


@dataclass(slots=True)
class Comparison:
    """How many rows were made and how many differ; `differences` are the first of each table."""

    rows: int = 0
    differing: int = 0
    differences: list[RowDifference] = field(default_factory=list)

    @property
    def tables(self) -> set[str]:
        """Where something differs."""
        return {difference.table for difference in self.differences}

    @property
    def is_equal(self) -> bool:
        """Whether every row is as it was."""
        return self.differing == 0


def compare(
    tables: Sequence[Table],
    old: Connection,
    new: Connection,
    *,
    old_schema: str | None = None,
    new_schema: str | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """What of `new` is not as in `old`: it is missing, it is extra, or it differs."""
    result = Comparison()
    for table in tables:
        kept = 0
        pairs = _pairs(
            table, _rows(old, table, old_schema), _rows(new, table, new_schema), result, told
        )
        for difference in pairs:
            result.differing += 1
            if kept < KEPT_MAX:
                result.differences.append(difference)
                kept += 1
    return result


def _pairs(
    table: Table,
    old: Iterator[Row],
    new: Iterator[Row],
    result: Comparison,
    told: Callable[[int], None],
) -> Iterator[RowDifference]:
    """Both in the order of the key: the smaller one has no partner."""
    columns = _columns(table)
    width = len(table.primary_key)
    was, now = next(old, None), next(new, None)
    while was is not None or now is not None:
        if now is not None and (was is None or now[:width] < was[:width]):
            yield RowDifference(table.name, _told(now[:width]), "extra")
            now = _next(new, result, told)
        elif was is not None and (now is None or was[:width] < now[:width]):
            yield RowDifference(table.name, _told(was[:width]), "missing")
            was = next(old, None)
        else:
            if was != now and was is not None and now is not None:
                pairs = zip(columns, was, now, strict=True)
                names = tuple(column.name for column, one, other in pairs if one != other)
                yield RowDifference(table.name, _told(now[:width]), "differs", names)
            was, now = next(old, None), _next(new, result, told)


def _next(new: Iterator[Row], result: Comparison, told: Callable[[int], None]) -> Row | None:
    result.rows += 1
    if result.rows % _BLOCK_ROWS == 0:
        told(_BLOCK_ROWS)
    return next(new, None)


def _columns(table: Table) -> list[Any]:
    """The key first, in the key's order."""
    keys = list(table.primary_key)
    rest = [c for c in table.columns if not c.primary_key]
    if table is device:
        rest = [c for c in rest if c.name not in _SAID_DAILY]
    return [*keys, *rest]


def _rows(connection: Connection, table: Table, schema: str | None) -> Iterator[Row]:
    """Every row in the order of its key, as Python too would order it."""
    there = (
        table if schema is None else table.to_metadata(table.metadata.__class__(), schema=schema)
    )
    columns = [there.c[column.name] for column in _columns(table)]
    order = [
        collate(column, "C") if isinstance(column.type, String | Text) else column
        for column in columns[: len(table.primary_key)]
    ]
    found = connection.execute(
        select(*columns).order_by(*order), execution_options={"yield_per": _BLOCK_ROWS}
    )
    for row in found:
        yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _told(key: Row) -> tuple[str, ...]:
    return tuple(value.hex()[:16] if isinstance(value, bytes) else str(value) for value in key)
