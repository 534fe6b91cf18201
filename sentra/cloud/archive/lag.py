"""How far the archive is behind, and whether its runs end well: for metrics and for the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, text

from sentra.cloud.tables import archive_run

_OLDEST: Final = text("""
    SELECT least(
        (SELECT min(behind.received_at_ms)
         FROM journal_head h
         LEFT JOIN archive_head a ON a.branch_id = h.branch_id AND a.terminal_id = h.terminal_id
         CROSS JOIN LATERAL (
            SELECT s.received_at_ms FROM segment s
            WHERE s.branch_id = h.branch_id AND s.terminal_id = h.terminal_id
                AND (s.epoch, s.last_seq) > (coalesce(a.epoch, 0), coalesce(a.seq, 0))
            ORDER BY s.epoch, s.last_seq LIMIT 1) AS behind
         WHERE a.seq IS NULL OR (h.epoch, h.seq) > (a.epoch, a.seq)),
        (SELECT min(f.received_at_ms) FROM fork_segment f
         WHERE NOT EXISTS (SELECT FROM archived_fork k
            WHERE k.branch_id = f.branch_id AND k.terminal_id = f.terminal_id
            AND k.sealed_sha256 = f.sealed_sha256)))
""")
_ENDED: Final = text("""
    INSERT INTO archive_run AS r (id, ended_at_ms, failed_count, failing_since_ms)
    VALUES (1, :now_ms, CAST(:failed AS int), CASE WHEN :failed THEN :now_ms END)
    ON CONFLICT (id) DO UPDATE SET ended_at_ms = excluded.ended_at_ms,
        failed_count = r.failed_count + excluded.failed_count,
        failing_since_ms =
            CASE WHEN :failed THEN coalesce(r.failing_since_ms, excluded.failing_since_ms) END
""")


@dataclass(frozen=True, slots=True)
class Runs:
    """What became of the archive's runs. `failing_since_ms` is None where the last one left
    nothing out; `ended_at_ms` where there was none yet."""

    ended_at_ms: int | None = None
    failed_count: int = 0
    failing_since_ms: int | None = None


def oldest_waiting_ms(connection: Connection) -> int | None:
    """When the cloud received the oldest segment that is not archived; None where all are.

    One look into an index for each journal that is behind, whatever the journals' lengths.
    """
    oldest_ms: int | None = connection.execute(_OLDEST).scalar_one()
    return oldest_ms


def runs(connection: Connection) -> Runs:
    """What became of the runs so far."""
    r = archive_run.c
    row = connection.execute(
        select(r.ended_at_ms, r.failed_count, r.failing_since_ms)
    ).one_or_none()
    return Runs() if row is None else Runs(*row)


def note_run(connection: Connection, now_ms: int, *, failed: bool) -> None:
    """A run has ended; `failed`: it had to leave something out."""
    connection.execute(_ENDED, {"now_ms": now_ms, "failed": failed})
