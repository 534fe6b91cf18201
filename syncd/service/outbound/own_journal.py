"""A terminal's main line as it is stored, for the terminal itself."""

from __future__ import annotations

from sqlalchemy import Connection, select, tuple_

from sentra.cloud.tables import journal_head, segment
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.journal_page import PAGE_SEGMENTS_MAX


def head(connection: Connection, branch_id: str, terminal_id: str) -> Head:
    """Where the journal ends; EMPTY before its first entry."""
    columns = journal_head.c
    query = select(columns.epoch, columns.seq, columns.hash).where(
        columns.branch_id == branch_id, columns.terminal_id == terminal_id
    )
    row = connection.execute(query).one_or_none()
    return EMPTY if row is None else Head(row.epoch, row.seq, bytes(row.hash))


def segments_behind(
    connection: Connection, branch_id: str, terminal_id: str, cursor: tuple[int, int]
) -> list[bytes]:
    """Sealed segments whose last entry lies behind the cursor, in order, no more than a page's."""
    columns = segment.c
    query = (
        select(columns.sealed)
        .where(
            columns.branch_id == branch_id,
            columns.terminal_id == terminal_id,
            tuple_(columns.epoch, columns.last_seq) > tuple_(*cursor),
        )
        .order_by(columns.epoch, columns.last_seq)
        .limit(PAGE_SEGMENTS_MAX)
    )
    return [bytes(sealed) for sealed in connection.execute(query).scalars()]
