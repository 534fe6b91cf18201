"""What a person does about an exception."""

from __future__ import annotations

from typing import Final

from sqlalchemy import update

from sentra.cloud.tables import exception
from webapp.change import Change

NOTE_LENGTH_MAX: Final = 1_000


def resolve_exception(change: Change, branch_id: str, exception_id: str, note: str) -> bool:
    """Close an exception with what was done about it; False where it was closed already."""
    e = exception.c
    closed = change.connection.execute(
        update(exception)
        .where(e.branch_id == branch_id, e.id == exception_id, e.resolved_at_ms.is_(None))
        .values(
            resolved_at_ms=change.now_ms,
            resolved_by=change.actor.user_id,
            resolution=note[:NOTE_LENGTH_MAX],
        )
    )
    change.audit("exceptions.resolve", "exception", exception_id, branch_id=branch_id, note=note)
    change.wake("exception", branch_id)
    return closed.rowcount == 1
