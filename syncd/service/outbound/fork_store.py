"""The fork lane in PostgreSQL: its segments, and the rows of what only they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from psycopg2 import extensions
from psycopg2.extras import execute_values

from sentra.protocol.entry import EPOCH_MAX
from syncd.service.operations.forks import ForkSegment, OpenedFork, located, open_lane
from syncd.service.operations.project import Projection, project_facts
from syncd.service.outbound import projection_store

EARLIER_HASHES_MAX: Final = 5_000
"""Entries before an epoch that a segment of the lane may chain to."""

_LANE: Final = """
    SELECT f.sealed_sha256, f.sealed, p.projected_at_ms IS NOT NULL
    FROM fork_segment f LEFT JOIN fork_projection p USING (branch_id, terminal_id, sealed_sha256)
    WHERE f.branch_id = %s AND f.terminal_id = %s
"""
_HASH: Final = """
    SELECT hash FROM journal_entry
    WHERE branch_id = %s AND terminal_id = %s AND epoch = %s AND seq = %s
"""
_EARLIER: Final = """
    SELECT hash FROM journal_entry WHERE branch_id = %s AND terminal_id = %s AND epoch < %s
    ORDER BY epoch DESC, seq DESC LIMIT %s
"""
_PROJECTED: Final = """
    INSERT INTO fork_projection (branch_id, terminal_id, sealed_sha256, projected_at_ms) VALUES %s
    ON CONFLICT DO NOTHING
"""


def earlier_hashes(
    cursor: extensions.cursor, branch_id: str, terminal_id: str, epoch: int = EPOCH_MAX
) -> list[bytes]:
    """The last hashes of the main line before an epoch, newest first."""
    cursor.execute(_EARLIER, (branch_id, terminal_id, epoch, EARLIER_HASHES_MAX))
    return [bytes(digest) for (digest,) in cursor]


def opened_lane(
    cursor: extensions.cursor, branch_id: str, terminal_id: str
) -> Iterator[OpenedFork]:
    """Every segment of a terminal's fork lane whose chain is proved, in order."""
    cursor.execute(_LANE, (branch_id, terminal_id))
    lane = [ForkSegment(bytes(digest), bytes(sealed), done) for digest, sealed, done in cursor]

    def hash_at(epoch: int, seq: int) -> bytes | None:
        cursor.execute(_HASH, (branch_id, terminal_id, epoch, seq))
        row = cursor.fetchone()
        return None if row is None else bytes(row[0])

    return open_lane(
        lane, hash_at, lambda epoch: earlier_hashes(cursor, branch_id, terminal_id, epoch)
    )


def project_lanes(
    cursor: extensions.cursor, branch_id: str, terminal_ids: Sequence[str], now_ms: int
) -> Projection:
    """Writes the rows of what the lanes hold and nothing else does; what of it was projected.

    A segment that does not chain to anything known yet is tried again with the next that comes.
    """
    result = Projection()
    for terminal_id in terminal_ids:
        fresh = [
            one for one in opened_lane(cursor, branch_id, terminal_id) if not one.segment.projected
        ]
        for one in fresh:
            facts, findings = located(branch_id, one.entries)
            written = projection_store.write(
                cursor, projection_store.encode_rows(project_facts(facts))
            )
            written.findings[:0] = findings
            projection_store.add(result, written)
        if fresh:
            done = [(branch_id, terminal_id, one.segment.digest, now_ms) for one in fresh]
            execute_values(cursor, _PROJECTED, done)
    return result
