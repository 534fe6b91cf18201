"""Exceptions: what was accepted and a person should see. Reading them, and closing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, String, cast, select, update

from sentra.cloud.tables import branch, device, exception, journal_entry

NOTE_LENGTH_MAX: Final = 1_000
SHOWN_MAX: Final = 200
"""Exceptions that are read at once, the oldest first: others come when these are done."""


@dataclass(frozen=True, slots=True)
class ExceptionNote:
    """One exception. `fact` is its entry's kind and schema, `body` the entry's as it came, where
    it is about one and that is stored here."""

    branch_id: str
    id: str
    branch: str
    device: str
    kind: str
    severity: str
    epoch: int | None
    seq: int | None
    params: dict[str, Any]
    opened_at_ms: int
    resolved_at_ms: int | None
    resolution: str | None
    projected_at_ms: int | None
    fact: str = ""
    body: bytes = b""


def read_exceptions(
    connection: Connection, *, branch_name: str = "", kind: str = "", resolved: bool = False
) -> Sequence[ExceptionNote]:
    """The open ones, or the resolved ones; at most SHOWN_MAX."""
    e = exception.c
    question = _exceptions().where(
        e.resolved_at_ms.is_not(None) if resolved else e.resolved_at_ms.is_(None)
    )
    if branch_name:
        question = question.where((branch.c.name == branch_name) | (branch.c.code == branch_name))
    if kind:
        question = question.where(e.kind == kind)
    rows = connection.execute(question.order_by(e.opened_at_ms, e.id).limit(SHOWN_MAX))
    return [_note(row) for row in rows]


def find_exceptions(connection: Connection, ending: str) -> Sequence[ExceptionNote]:
    """Those whose id ends so; more than one where that was too short."""
    question = _exceptions().where(cast(exception.c.id, String).endswith(ending, autoescape=True))
    rows = connection.execute(question.limit(2)).all()
    return [_with_entry(connection, row) for row in rows]


def close(
    connection: Connection,
    branch_id: str,
    exception_id: str,
    *,
    now_ms: int,
    user_id: str | None,
    note: str,
) -> bool:
    """Close an exception with what was done about it; False where it was closed already."""
    e = exception.c
    closed = connection.execute(
        update(exception)
        .where(e.branch_id == branch_id, e.id == exception_id, e.resolved_at_ms.is_(None))
        .values(resolved_at_ms=now_ms, resolved_by=user_id, resolution=note[:NOTE_LENGTH_MAX])
    )
    return closed.rowcount == 1


def _exceptions() -> Select[Any]:
    e = exception.c
    return select(
        exception,
        branch.c.name.label("branch_name"),
        device.c.name.label("device_name"),
    ).select_from(
        exception.join(branch, branch.c.id == e.branch_id).outerjoin(
            device, device.c.id == e.terminal_id
        )
    )


def _note(row: Row[Any], fact: str = "", body: bytes = b"") -> ExceptionNote:
    return ExceptionNote(
        row.branch_id,
        row.id,
        row.branch_name,
        row.device_name or "",
        row.kind,
        row.severity,
        row.epoch,
        row.seq,
        row.params,
        row.opened_at_ms,
        row.resolved_at_ms,
        row.resolution,
        row.projected_at_ms,
        fact,
        body,
    )


def _with_entry(connection: Connection, row: Row[Any]) -> ExceptionNote:
    j = journal_entry.c
    entry = connection.execute(
        select(j.kind, j.schema, j.body).where(
            j.branch_id == row.branch_id,
            j.terminal_id == row.terminal_id,
            j.epoch == row.epoch,
            j.seq == row.seq,
        )
    ).one_or_none()
    if entry is None:
        return _note(row)
    return _note(row, f"{entry.kind} {entry.schema}", bytes(entry.body))
