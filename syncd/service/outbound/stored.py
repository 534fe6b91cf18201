"""What is stored, read in order and in blocks, for a proof of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from sentra.cloud.tables import (
    SHARED,
    branch,
    daily_product,
    device,
    exception,
    hourly_sales,
    hourly_tender,
    journal_entry,
    journal_head,
    segment,
    stock_level,
)
from sentra.projection.aside import SET_ASIDE
from sentra.projection.rows import Row
from sentra.protocol.entry import EMPTY, Entry, Head
from syncd.service.operations.prove import KEY_COLUMN, StoredSegment

ROLLUPS = {table.name: table for table in (hourly_sales, hourly_tender, daily_product, stock_level)}


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """One terminal's journal: its device, and what its head says."""

    terminal_id: str
    name: str
    public_key: Ed25519PublicKey
    head: Head
    entry_count: int


def branches(connection: Connection) -> list[tuple[str, str]]:
    """(id, name) of every branch."""
    rows = connection.execute(select(branch.c.id, branch.c.name).order_by(branch.c.code))
    return [(row.id, row.name) for row in rows]


def journals(connection: Connection, branch_id: str) -> list[StoredJournal]:
    """The branch's journals, those without a head too, if entries of theirs are there."""
    heads = journal_head.c
    rows = connection.execute(
        select(
            device.c.id,
            device.c.name,
            device.c.public_key,
            heads.epoch,
            heads.seq,
            heads.hash,
            heads.entry_count,
        )
        .outerjoin(journal_head, heads.terminal_id == device.c.id)
        .where(device.c.branch_id == branch_id, device.c.role == "terminal")
        .order_by(device.c.number)
    )
    return [
        StoredJournal(
            row.id,
            row.name,
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key)),
            EMPTY if row.hash is None else Head(row.epoch, row.seq, bytes(row.hash)),
            row.entry_count or 0,
        )
        for row in rows
    ]


def entries_after(
    connection: Connection, branch_id: str, terminal_id: str, head: Head, limit: int
) -> list[Entry]:
    """The next entries of a journal behind a place."""
    columns = journal_entry.c
    rows = connection.execute(
        select(journal_entry)
        .where(
            columns.branch_id == branch_id,
            columns.terminal_id == terminal_id,
            or_(
                columns.epoch > head.epoch,
                (columns.epoch == head.epoch) & (columns.seq > head.seq),
            ),
        )
        .order_by(columns.epoch, columns.seq)
        .limit(limit)
    )
    return [
        Entry(
            terminal_id,
            row.epoch,
            row.seq,
            row.kind,
            row.schema,
            row.recorded_at_ms,
            row.business_date,
            bytes(row.body),
            bytes(row.hash),
        )
        for row in rows
    ]


def segments_ending_in(
    connection: Connection, branch_id: str, terminal_id: str, after: Head, to: Head
) -> Iterator[StoredSegment]:
    """The segments whose last entry lies behind `after` and not behind `to`, in order."""
    columns = segment.c
    rows = connection.execute(
        select(columns.epoch, columns.first_seq, columns.last_seq, columns.sealed)
        .where(
            columns.branch_id == branch_id,
            columns.terminal_id == terminal_id,
            _behind(columns.epoch, columns.last_seq, after),
            ~_behind(columns.epoch, columns.last_seq, to),
        )
        .order_by(columns.epoch, columns.last_seq)
    )
    for row in rows:
        yield StoredSegment(row.epoch, row.first_seq, row.last_seq, bytes(row.sealed))


def _behind(epoch: ColumnElement[int], seq: ColumnElement[int], head: Head) -> ColumnElement[bool]:
    return or_(epoch > head.epoch, (epoch == head.epoch) & (seq > head.seq))


def set_aside(connection: Connection, branch_id: str) -> set[tuple[str, int, int]]:
    """(terminal, epoch, seq) of the facts that have no rows."""
    columns = exception.c
    rows = connection.execute(
        select(columns.terminal_id, columns.epoch, columns.seq).where(
            columns.branch_id == branch_id,
            columns.kind.in_(SET_ASIDE),
            columns.projected_at_ms.is_(None),
        )
    )
    return {(row.terminal_id, row.epoch, row.seq) for row in rows}


def rows_of(connection: Connection, table: str, branch_id: str, ids: Collection[str]) -> list[Row]:
    """The rows of some facts in one table."""
    stored = SHARED[table]
    key = stored.c[KEY_COLUMN[table]]
    query = select(stored).where(stored.c.branch_id == branch_id, key.in_(ids))
    return [tuple(row) for row in connection.execute(query)]


def row_count(connection: Connection, table: str, branch_id: str) -> int:
    """How many rows the branch has in one table."""
    stored = SHARED[table]
    query = select(func.count()).select_from(stored).where(stored.c.branch_id == branch_id)
    return connection.execute(query).scalar_one()


def sums_of(connection: Connection, branch_id: str) -> dict[str, list[Row]]:
    """The branch's roll-ups."""
    return {name: _all(connection, table, branch_id) for name, table in ROLLUPS.items()}


def _all(connection: Connection, table: Table, branch_id: str) -> list[tuple[Any, ...]]:
    query = select(table).where(table.c.branch_id == branch_id)
    return [tuple(row) for row in connection.execute(query)]


def open_exceptions(connection: Connection) -> int:
    """How many exceptions wait for a person."""
    query = select(func.count()).select_from(exception).where(exception.c.resolved_at_ms.is_(None))
    return connection.execute(query).scalar_one()
