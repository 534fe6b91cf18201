"""What a person does about an exception."""

from __future__ import annotations

from sentra.cloud import exceptions, reproject
from sentra.cloud.reproject import Retried
from webapp.change import Change


def resolve_exception(change: Change, branch_id: str, exception_id: str, note: str) -> bool:
    """Close an exception with what was done about it; False where it was closed already."""
    closed = exceptions.close(
        change.connection,
        branch_id,
        exception_id,
        now_ms=change.now_ms,
        user_id=change.actor.user_id,
        note=note,
    )
    change.audit("exceptions.resolve", "exception", exception_id, branch_id=branch_id, note=note)
    change.wake("exception", branch_id)
    return closed


def retry_exception(change: Change, branch_id: str, exception_id: str) -> Retried:
    """Project the fact of an exception again."""
    done = reproject.retry(
        change.connection, branch_id, exception_id, change.now_ms, change.actor.user_id
    )
    change.audit(
        "exceptions.retry", "exception", exception_id, branch_id=branch_id, outcome=done.outcome
    )
    change.wake("exception", branch_id)
    if done.outcome == "projected":
        change.wake("journal", branch_id)
    return done
