"""What is stored, read in order and in blocks, for a proof of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, Connection, func, or_, select

from sentra.cloud.tables import (
    SHARED,
    branch,
    device,
    exception,
    fork_segment,
    journal_entry,
    journal_head,
    segment,
)
from sentra.projection.aside import BODY, SET_ASIDE, Named
from sentra.projection.rows import Row
from sentra.protocol.entry import EMPTY, Entry, Head
from syncd.service.operations.prove import StoredSegment
from syncd.service.operations.prove_rows import KEY_COLUMN


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """One terminal's journal: its device, and what its head says."""

    terminal_id: str
    name: str
    public_key: Ed25519PublicKey
    head: Head
    entry_count: int


def branches(connection: Connection) -> list[tuple[str, str, str]]:
    """(id, name, code) of every branch."""
    b = branch.c
    rows = connection.execute(select(b.id, b.name, b.code).order_by(b.code))
    return [(row.id, row.name, row.code) for row in rows]


def branch_of(connection: Connection, terminal_id: str) -> str | None:
    """The id of a terminal's branch; None where there is no such terminal."""
    d = device.c
    query = select(d.branch_id).where(d.id == terminal_id, d.role == "terminal")
    return connection.execute(query).scalar_one_or_none()


def entry_count(connection: Connection, branch_ids: Collection[str]) -> int:
    """How many entries the heads of these branches count."""
    h = journal_head.c
    query = select(func.coalesce(func.sum(h.entry_count), 0)).where(h.branch_id.in_(branch_ids))
    return int(connection.execute(query).scalar_one())


def forks(connection: Connection, branch_id: str, terminal_id: str) -> Iterator[StoredSegment]:
    """The segments of a terminal's fork lane."""
    f = fork_segment.c
    rows = connection.execute(
        select(fork_segment)
        .where(f.branch_id == branch_id, f.terminal_id == terminal_id)
        .order_by(f.epoch, f.first_seq, f.sealed_sha256),
        execution_options={"yield_per": 10},
    )
    for row in rows:
        place = (row.epoch, row.first_seq, row.last_seq, bytes(row.last_hash))
        yield StoredSegment(*place, bytes(row.sealed), bytes(row.sealed_sha256))


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
        select(
            columns.epoch,
            columns.first_seq,
            columns.last_seq,
            columns.last_hash,
            columns.sealed,
            columns.sealed_sha256,
        )
        .where(
            columns.branch_id == branch_id,
            columns.terminal_id == terminal_id,
            _behind(columns.epoch, columns.last_seq, after),
            ~_behind(columns.epoch, columns.last_seq, to),
        )
        .order_by(columns.epoch, columns.last_seq)
    )
    for row in rows:
        yield StoredSegment(
            row.epoch,
            row.first_seq,
            row.last_seq,
            bytes(row.last_hash),
            bytes(row.sealed),
            bytes(row.sealed_sha256),
        )


def _behind(epoch: ColumnElement[int], seq: ColumnElement[int], head: Head) -> ColumnElement[bool]:
    return or_(epoch > head.epoch, (epoch == head.epoch) & (seq > head.seq))


def set_aside(
    connection: Connection, branch_id: str, kinds: Collection[str] = SET_ASIDE
) -> set[Named]:
    """The facts that have no rows, for any reason or for one of these."""
    columns = exception.c
    rows = connection.execute(
        select(columns.terminal_id, columns.epoch, columns.seq, columns.params).where(
            columns.branch_id == branch_id,
            columns.kind.in_(kinds),
            columns.projected_at_ms.is_(None),
        )
    )
    return {(row.terminal_id, row.epoch, row.seq, row.params.get(BODY, "")) for row in rows}


def rows_of(connection: Connection, table: str, branch_id: str, ids: Collection[str]) -> list[Row]:
    """The rows of some facts in one table."""
    stored = SHARED[table]
    key = stored.c[KEY_COLUMN[table]]
    query = select(stored).where(stored.c.branch_id == branch_id, key.in_(ids))
    return [tuple(row) for row in connection.execute(query)]


def row_count(
    connection: Connection, table: str, branch_id: str, terminal_id: str | None
) -> int | None:
    """How many rows the branch, or one terminal, has in one table; None: it names no terminal."""
    stored = SHARED[table]
    query = select(func.count()).select_from(stored).where(stored.c.branch_id == branch_id)
    if terminal_id is not None:
        if "terminal_id" not in stored.c:
            return None
        query = query.where(stored.c.terminal_id == terminal_id)
    return connection.execute(query).scalar_one()


def open_exceptions(connection: Connection) -> int:
    """How many exceptions wait for a person."""
    query = select(func.count()).select_from(exception).where(exception.c.resolved_at_ms.is_(None))
    return connection.execute(query).scalar_one()
