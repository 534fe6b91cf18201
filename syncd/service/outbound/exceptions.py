"""Exceptions in PostgreSQL: opened once for each key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from psycopg2 import extensions
from psycopg2.extras import execute_values

from syncd.service.operations.findings import Finding

NewId = Callable[[int], str]
"""Makes a UUIDv7 from the present instant."""

_OPEN: Final = """
    INSERT INTO exception (branch_id, id, kind, severity, terminal_id, epoch, seq, params,
        dedup_key, opened_at_ms, resolved_at_ms)
    VALUES %s ON CONFLICT (branch_id, dedup_key) DO NOTHING RETURNING kind, resolved_at_ms
"""


def raise_findings(
    cursor: extensions.cursor,
    branch_id: str,
    findings: Sequence[Finding],
    now_ms: int,
    new_id: NewId,
) -> list[str]:
    """Open exceptions where there is none of the same key; the kinds that were opened."""
    # In one order for all requests, so that two that find the same never wait in a circle.
    once = {finding.dedup_key: finding for finding in findings}
    rows = [
        (
            branch_id,
            new_id(now_ms),
            one.kind,
            one.severity,
            one.terminal_id,
            one.epoch,
            one.seq,
            msgspec.json.encode(one.params).decode(),
            key,
            now_ms,
            now_ms if one.settled else None,
        )
        for key, one in sorted(once.items())
    ]
    opened = execute_values(cursor, _OPEN, rows, fetch=True)
    return [kind for kind, resolved_at_ms in opened if resolved_at_ms is None]
