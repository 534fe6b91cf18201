"""What PostgreSQL has to archive, how far that came, and the checks before it is copied."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert

from sentra.cloud.archive.container import (
    ArchivedSegment,
    BranchObject,
    FeedObject,
    JournalMark,
    JournalObject,
    Lane,
    SegmentUnfit,
    Stored,
)
from sentra.cloud.tables import archive_head, archive_object, archived_fork
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import note_of
from sentra.protocol.segment import SegmentHeader, check_signature, follows, open_segment

OBJECT_BYTES_MAX: Final = 8 * 1024 * 1024
"""Sealed bytes in one object: some 100,000 sales, and one request of the object store."""

KINDS: Final = ("journal", "branch", "register", "feed")
"""Of objects; other rows of the table are notes."""

LEFT_OUT: Final = "left-out"
"""The kind of such a note: this object could not be taken back."""

OBJECT_SEGMENTS_MAX: Final = 20_000

_WAITING: Final = text("""
    SELECT h.branch_id::text, h.terminal_id::text, d.public_key
    FROM journal_head h JOIN device d ON d.id = h.terminal_id
    LEFT JOIN archive_head a ON a.branch_id = h.branch_id AND a.terminal_id = h.terminal_id
    WHERE (CAST(:before_ms AS bigint) IS NULL OR a.moved_at_ms IS NULL
            OR a.moved_at_ms <= :before_ms)
        AND (h.seq > 0 AND (a.seq IS NULL OR (h.epoch, h.seq) > (a.epoch, a.seq))
            OR EXISTS (SELECT FROM fork_segment f
                WHERE f.branch_id = h.branch_id AND f.terminal_id = h.terminal_id
                AND NOT EXISTS (SELECT FROM archived_fork k
                    WHERE k.branch_id = f.branch_id AND k.terminal_id = f.terminal_id
                    AND k.sealed_sha256 = f.sealed_sha256)))
    ORDER BY h.branch_id, h.terminal_id
""")
_SEGMENTS: Final = text("""
    SELECT (SELECT count(*) FROM segment s LEFT JOIN archive_head a
            ON a.branch_id = s.branch_id AND a.terminal_id = s.terminal_id
            WHERE a.seq IS NULL OR (s.epoch, s.last_seq) > (a.epoch, a.seq))
        + (SELECT count(*) FROM fork_segment) - (SELECT count(*) FROM archived_fork)
""")
_COLUMNS: Final = """
    sealed, delivered_by::text, received_at_ms, custody_router::text, custody_at_ms
"""
_MAIN: Final = text(f"""
    SELECT {_COLUMNS}, NULL FROM (
        SELECT *, sum(length(sealed)) OVER (ORDER BY epoch, last_seq) AS running FROM (
            SELECT * FROM segment WHERE branch_id = :branch AND terminal_id = :terminal
            AND (epoch, last_seq) > (:epoch, :seq) ORDER BY epoch, last_seq LIMIT :most) AS next
        ) AS page
    WHERE running - length(sealed) < :bytes_max ORDER BY epoch, last_seq
""")  # noqa: S608 - constants only
_FORK: Final = text(f"""
    SELECT {_COLUMNS}, sealed_sha256 FROM (
        SELECT *, sum(length(sealed)) OVER (ORDER BY received_at_ms, sealed_sha256) AS running
        FROM fork_segment f WHERE branch_id = :branch AND terminal_id = :terminal
        AND NOT EXISTS (SELECT FROM archived_fork k WHERE k.branch_id = f.branch_id
            AND k.terminal_id = f.terminal_id AND k.sealed_sha256 = f.sealed_sha256)) AS page
    WHERE running - length(sealed) < :bytes_max ORDER BY received_at_ms, sealed_sha256
""")  # noqa: S608 - constants only
_HASH: Final = text("""
    SELECT hash FROM journal_entry WHERE branch_id = :branch AND terminal_id = :terminal
    AND (epoch, seq) < (:epoch, :seq) ORDER BY epoch DESC, seq DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A journal of which something is not archived."""

    branch_id: str
    terminal_id: str
    public_key: Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Found:
    """The next segments behind `head`, and the key of the object that was archived last."""

    head: Head
    last_key: str | None
    segments: Sequence[ArchivedSegment]


def journals_waiting(connection: Connection, before_ms: int | None) -> list[Waiting]:
    """Journals with something to archive; with `before_ms`, those that were not since then."""
    rows = connection.execute(_WAITING, {"before_ms": before_ms})
    return [
        Waiting(branch, terminal, Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)))
        for branch, terminal, key in rows
    ]


def segments_waiting(connection: Connection) -> int:
    """How many segments are not archived, both lanes together."""
    return int(connection.execute(_SEGMENTS).scalar_one())


def read_next(connection: Connection, journal: Waiting, lane: Lane) -> Found | None:
    """What the next object of a lane takes; None where nothing waits. Raises SegmentUnfit."""
    head, last_key = _archived(connection, journal)
    whose = {"branch": journal.branch_id, "terminal": journal.terminal_id}
    place = {"epoch": head.epoch, "seq": head.seq, "most": OBJECT_SEGMENTS_MAX}
    query = (_MAIN, {**whose, **place}) if lane == "main" else (_FORK, whose)
    rows = connection.execute(query[0], {**query[1], "bytes_max": OBJECT_BYTES_MAX}).all()
    if not rows:
        return None
    return Found(head, last_key, [_segment(journal, row) for row in rows])


def check(connection: Connection, journal: Waiting, lane: Lane, found: Found) -> Head:
    """Where the segments end. Raises SegmentUnfit for one that is not as the terminal sealed it,
    or, in the main line, does not follow: then entries are missing or were altered."""
    head = found.head
    for segment in found.segments:
        try:
            header = check_signature(segment.sealed, journal.public_key)
            if lane == "main":
                before = _hash_before(connection, journal, header, head)
                if before is None:
                    raise _unfit(journal, head.epoch, head.seq + 1, "no segment holds it")
                open_segment(segment.sealed, before)
        except ProtocolError as error:
            raise _unfit(journal, head.epoch, head.seq + 1, error.detail) from error
        head = Head(header.epoch, header.last_seq, header.last_hash)
    return head


def move_head(
    connection: Connection, journal: Waiting, found: Found, head: Head, key: str, now_ms: int
) -> bool:
    """Say that the journal is archived up to `head`; False where another has moved it meanwhile."""
    columns = archive_head.c
    values = {
        "epoch": head.epoch,
        "seq": head.seq,
        "hash": head.hash,
        "last_key": key,
        "moved_at_ms": now_ms,
    }
    new = insert(archive_head).values(
        branch_id=journal.branch_id, terminal_id=journal.terminal_id, **values
    )
    moved = new.on_conflict_do_update(
        index_elements=["branch_id", "terminal_id"],
        set_=values,
        where=columns.last_key.is_not_distinct_from(found.last_key),
    )
    return connection.execute(moved.returning(columns.seq)).one_or_none() is not None


def note_object(
    connection: Connection, stored: Stored, key: str, size_bytes: int, now_ms: int
) -> None:
    """Write down that the archive has this object, so that its loss is noticed."""
    values: dict[str, Any] = {"key": key, "size_bytes": size_bytes, "archived_at_ms": now_ms}
    match stored:
        case JournalObject():
            count = len(stored.segments)
            whose = {"branch_id": stored.branch, "terminal_id": stored.terminal}
            values |= {"kind": "journal", "segment_count": count, **whose}
        case BranchObject():
            values |= {"kind": "branch", "segment_count": 0, "branch_id": stored.branch}
        case FeedObject():
            values |= {"kind": "feed", "segment_count": 0}
        case _:
            values |= {"kind": "register", "segment_count": 0}
    connection.execute(insert(archive_object).values(values).on_conflict_do_nothing())


def note_forks(
    connection: Connection, journal: Waiting, segments: Sequence[ArchivedSegment], key: str
) -> None:
    """Write down which segments of the fork lane are in an object."""
    rows = [
        {
            "branch_id": journal.branch_id,
            "terminal_id": journal.terminal_id,
            "sealed_sha256": hashlib.sha256(segment.sealed).digest(),
            "object_key": key,
        }
        for segment in segments
    ]
    connection.execute(insert(archived_fork).on_conflict_do_nothing(), rows)


def note_left_out(connection: Connection, key: str, now_ms: int) -> None:
    """Write down that a database that was set back could not take this object back."""
    values = {"key": f"{LEFT_OUT}/{key}", "kind": LEFT_OUT, "archived_at_ms": now_ms}
    new = insert(archive_object).values(**values, size_bytes=0, segment_count=0)
    connection.execute(new.on_conflict_do_nothing())


def left_out(connection: Connection) -> int:
    """How many objects could not be taken back, and have not been since."""
    note, taken = archive_object.alias(), archive_object.alias()
    is_taken = exists().where(note.c.key == f"{LEFT_OUT}/" + taken.c.key)
    query = select(func.count()).where(note.c.kind == LEFT_OUT, ~is_taken)
    return int(connection.execute(query).scalar_one())


def last_key(connection: Connection, kind: str) -> str | None:
    """The newest object of a kind."""
    table = archive_object.c
    query = select(table.key).where(table.kind == kind).order_by(table.archived_at_ms.desc())
    return connection.execute(query.limit(1)).scalar_one_or_none()


def keys(connection: Connection) -> list[str]:
    """Every object that was archived."""
    table = archive_object.c
    query = select(table.key).where(table.kind.in_(KINDS)).order_by(table.key)
    return list(connection.execute(query).scalars())


def marks(connection: Connection, branch_id: str) -> dict[str, JournalMark]:
    """By terminal, how far each journal of a branch is archived."""
    rows = connection.execute(select(archive_head).where(archive_head.c.branch_id == branch_id))
    return {
        row.terminal_id: JournalMark(
            note_of(Head(row.epoch, row.seq, bytes(row.hash))), row.last_key
        )
        for row in rows
    }


def _archived(connection: Connection, journal: Waiting) -> tuple[Head, str | None]:
    columns = archive_head.c
    row = connection.execute(
        select(columns.epoch, columns.seq, columns.hash, columns.last_key).where(
            columns.branch_id == journal.branch_id, columns.terminal_id == journal.terminal_id
        )
    ).one_or_none()
    return (EMPTY, None) if row is None else (Head(row[0], row[1], bytes(row[2])), row[3])


def _hash_before(
    connection: Connection, journal: Waiting, header: SegmentHeader, head: Head
) -> bytes | None:
    """What a segment chains to: the head, or, where it begins before it, the entry there. None
    where it leaves a gap."""
    if follows(header, head):
        return head.hash
    if header.epoch != head.epoch or header.first_seq > head.seq:
        return None
    whose = {"branch": journal.branch_id, "terminal": journal.terminal_id}
    place = {"epoch": header.epoch, "seq": header.first_seq}
    found = connection.execute(_HASH, {**whose, **place}).scalar_one_or_none()
    return EMPTY.hash if found is None else bytes(found)


def _segment(journal: Waiting, row: Row[Any]) -> ArchivedSegment:
    sealed, *custody, digest = tuple(row)
    if digest is not None and hashlib.sha256(sealed).digest() != bytes(digest):
        raise _unfit(journal, 0, 0, "a segment of the fork lane was altered")
    return ArchivedSegment(bytes(sealed), *custody)


def _unfit(journal: Waiting, epoch: int, seq: int, reason: str) -> SegmentUnfit:
    return SegmentUnfit(terminal=journal.terminal_id, epoch=epoch, seq=seq, reason=reason)
