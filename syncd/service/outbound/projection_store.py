"""Rows and sums in PostgreSQL. One impossible row never holds up the others.

A run is copied whole. Where PostgreSQL refuses it, it is undone and tried again in halves until
the facts that it really refuses stand alone; those are set aside with PostgreSQL's own reason.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg2 import DataError, IntegrityError, extensions
from psycopg2 import Error as PgError
from psycopg2.errors import ProgramLimitExceeded, UniqueViolation
from sqlalchemy import BigInteger, Column, Date, SmallInteger, Table, Uuid

from sentra.projection.aside import FACT_DUPLICATE, FACT_NOT_PROJECTED
from sentra.projection.findings import Finding
from sentra.projection.rollups import ROLLUPS, Increments, SumsByKey
from syncd.service.operations.findings import set_aside
from syncd.service.operations.journals import Piece
from syncd.service.operations.project import (
    Located,
    Projection,
    merge,
    project_facts,
    project_run,
    sums_are_safe,
)
from syncd.service.outbound import copy_format, duplicates

_PARTS_OF_A_SALE: Final = ("sale_line", "sale_tax", "tender")

_REFUSED: Final = (DataError, IntegrityError, ProgramLimitExceeded)
"""What PostgreSQL says of rows that it cannot hold; everything else is no fault of the facts."""


@dataclass(slots=True)
class PreparedRows:
    """A run's rows as COPY takes them, or why they must be tried fact by fact."""

    projection: Projection
    copies: Sequence[tuple[str, bytes]] = ()
    impossible: Exception | None = None


def prepare(run: Sequence[Piece]) -> PreparedRows:
    """Project and encode a run: computation only, in any thread."""
    return encode_rows(project_run(run))


def write(cursor: extensions.cursor, prepared: PreparedRows) -> Projection:
    """Copy the rows; what of it was really projected, and what was set aside."""
    refused = _try(cursor, prepared)
    if refused is None:
        return prepared.projection
    result = Projection(findings=list(prepared.projection.findings))
    _write_halves(cursor, prepared.projection.facts, result, refused)
    return result


def encode_rows(projection: Projection) -> PreparedRows:
    """Rows as COPY takes them: computation only, in any thread."""
    if not sums_are_safe(projection.increments):
        return PreparedRows(projection, impossible=OverflowError("a sum or a name is too large"))
    try:
        copies = [
            (copy_format.copy_statement(table), copy_format.rows_binary(table, rows))
            for table, rows in projection.rows.items()
        ]
    except (ValueError, OverflowError, struct.error) as error:
        return PreparedRows(projection, impossible=error)
    # From here on they are only bytes: a run's tuples need not wait for PostgreSQL.
    projection.rows.clear()
    return PreparedRows(projection, copies)


def _try(cursor: extensions.cursor, prepared: PreparedRows) -> Exception | None:
    """Copy all rows, or none and return why."""
    if prepared.impossible is not None:
        return prepared.impossible
    cursor.execute("SAVEPOINT rows")
    try:
        for statement, data in prepared.copies:
            cursor.copy_expert(statement, io.BytesIO(data), size=copy_format.CHUNK_BYTES)
    except _REFUSED as error:
        cursor.execute("ROLLBACK TO SAVEPOINT rows")
        return error
    cursor.execute("RELEASE SAVEPOINT rows")
    return None


def _write_halves(
    cursor: extensions.cursor, facts: Sequence[Located], result: Projection, refused: Exception
) -> None:
    """Write what can be written of facts that were refused together."""
    if len(facts) == 1:
        result.findings.extend(_why_not(cursor, facts[0], refused))
        return
    middle = len(facts) // 2
    for half in (facts[:middle], facts[middle:]):
        if not half:
            continue
        prepared = encode_rows(project_facts(half))
        why = _try(cursor, prepared)
        if why is None:
            add(result, prepared.projection)
        else:
            _write_halves(cursor, half, result, why)


def _why_not(cursor: extensions.cursor, located: Located, refused: Exception) -> Iterator[Finding]:
    """Why a fact has no rows. One that is there already, the same, is nothing to look at."""
    if not _is_second(refused):
        yield set_aside(located.entry, FACT_NOT_PROJECTED, _reason(refused))
    elif not duplicates.is_same(cursor, located):
        yield set_aside(located.entry, FACT_DUPLICATE, _reason(refused))
    elif located.place.epoch > 0:
        yield set_aside(located.entry, FACT_DUPLICATE, _reason(refused), settled=True)


def add(result: Projection, written: Projection) -> None:
    """Adds what was written to what is written already."""
    result.facts.extend(written.facts)
    result.findings.extend(written.findings)
    merge(result.increments, written.increments)
    for product_id, mentioned in written.mentions.items():
        result.mentions.setdefault(product_id, mentioned)


def _is_second(error: Exception) -> bool:
    """Whether a fact with this id is there already, and not just two lines of one number."""
    if not isinstance(error, UniqueViolation):
        return False
    partition = error.diag.table_name or ""
    return partition.rpartition("_")[0] not in _PARTS_OF_A_SALE


def _reason(error: Exception) -> str:
    said = error.diag.message_primary if isinstance(error, PgError) else None
    return said or str(error).splitlines()[0]


_ARRAY_TYPES: Final = {BigInteger: "bigint", Date: "date", SmallInteger: "smallint", Uuid: "uuid"}


def _upsert(table: Table) -> str:
    """Add sums from an array for each column: PostgreSQL reads each value once, as its type."""
    columns = list(table.columns)
    arrays = ", ".join(f"%s::{_array_type(column)}[]" for column in columns)
    names = ", ".join(column.name for column in columns)
    keys = ", ".join(column.name for column in table.primary_key)
    sums = ", ".join(
        f"{column.name} = t.{column.name} + excluded.{column.name}"
        for column in columns
        if not column.primary_key
    )
    return (
        f"INSERT INTO {table.name} AS t ({names}) "  # noqa: S608 - names of our own tables
        f"SELECT * FROM unnest({arrays}) "
        f"ON CONFLICT ({keys}) DO UPDATE SET {sums}"
    )


def _array_type(column: Column[Any]) -> str:
    return _ARRAY_TYPES.get(type(column.type), "text")


_UPSERTS: Final = {name: _upsert(table) for name, table in ROLLUPS.items()}


def add_sums(cursor: extensions.cursor, increments: Increments) -> bool:
    """Add to the roll-ups, in one round trip; False where a sum would leave its column, and
    nothing is added."""
    statements = [
        # In any order: a key has its terminal, so whoever writes it holds that journal's head.
        cursor.mogrify(_UPSERTS[name], _as_arrays(sums))
        for name, sums in increments.items()
        if sums
    ]
    if not statements:
        return True
    try:
        cursor.execute(b"; ".join([b"SAVEPOINT sums", *statements, b"RELEASE SAVEPOINT sums"]))
    except DataError:
        cursor.execute("ROLLBACK TO SAVEPOINT sums")
        return False
    return True


def _as_arrays(sums: SumsByKey) -> list[str]:
    """The columns of keys and sums, each written as PostgreSQL writes an array."""
    keys, amounts = zip(*sums, strict=True), zip(*sums.values(), strict=True)
    return [_as_array(column) for column in (*keys, *amounts)]


def _as_array(values: Sequence[str | int]) -> str:
    if isinstance(values[0], int):
        return "{" + ",".join(map(str, values)) + "}"
    text = '","'.join(map(str, values))
    if "\\" in text or text.count('"') != 2 * (len(values) - 1):
        text = '","'.join(str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return '{"' + text + '"}'
