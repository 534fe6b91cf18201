"""Snapshots of the feed at the cloud: made from the present state, kept beside the revisions.

They are in PostgreSQL and not in the object store, so that a restore to an earlier moment brings
back a snapshot, its revisions and the head as they were together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, Select, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from sentra.cloud import feed
from sentra.cloud.company import the_company
from sentra.cloud.feed import FeedPage
from sentra.cloud.tables import company, feed_head, feed_revision, feed_snapshot
from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import (
    CursorBeyond,
    SnapshotNeeded,
    SnapshotNote,
    pack_items,
    sign_snapshot,
)

FAR_REVISIONS: Final = 16
"""Revisions behind which it is looked whether the snapshot weighs less than they do."""

KEPT: Final = 2
"""Snapshots of a scope: the newest, and the one that somebody may be half way through."""

# One statement sees one moment: the head and the state belong together.
_STATE: Final = text("""
    SELECT head.revision, item.kind, item.key, item.body
    FROM feed_head head LEFT JOIN feed_item item USING (scope)
    WHERE head.scope = :scope
    ORDER BY item.kind COLLATE "C", item.key COLLATE "C"
""")
_ROWS_AT_ONCE: Final = 2_000


REVISIONS_BETWEEN: Final = 64
BYTES_BETWEEN: Final = 256 * 1024
"""Behind the last snapshot; from either on a new one is due."""

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What the housekeeping did: the snapshot that is there for it, and revisions dropped."""

    made: SnapshotNote | None
    dropped: int


@dataclass(frozen=True, slots=True)
class Retention:
    """Revisions that stay though a snapshot covers them: the newest `revisions`, and all that are
    younger than `days`."""

    revisions: int = 1_000
    days: int = 14


RETENTION: Final = Retention()
"""Where nothing else is set."""


def page_after(
    connection: Connection,
    scope: str,
    after: int,
    bytes_max: int,
    *,
    takes_snapshots: bool = False,
) -> FeedPage:
    """The revisions after a cursor, as `feed.read_after` gives them.

    Raises SnapshotNeeded where they are not kept any more or, for who takes snapshots, weigh more
    than one; and CursorBeyond for a cursor that no device of this timeline can have.
    """
    page = feed.read_after(connection, scope, after, bytes_max)
    if page.head > after and not page.revisions:
        # Published between the two reads: it is there now.
        page = feed.read_after(connection, scope, after, bytes_max)
    if after > page.head:
        raise CursorBeyond(f"the feed of {scope} ends at {page.head}")
    if page.head > after and (not page.revisions or page.revisions[0].revision != after + 1):
        raise SnapshotNeeded(f"revision {after + 1} of {scope} is not kept any more")
    is_far = takes_snapshots and page.head - after >= FAR_REVISIONS
    if is_far and _snapshot_is_lighter(connection, scope, after):
        raise SnapshotNeeded(f"a snapshot of {scope} weighs less than what follows {after}")
    return page


def _snapshot_is_lighter(connection: Connection, scope: str, after: int) -> bool:
    made = newest(connection, scope)
    if made is None or made.revision <= after:
        return False
    c = feed_revision.c
    weight = connection.execute(
        select(func.sum(func.length(c.sealed))).where(
            c.scope == scope, c.revision > after, c.revision <= made.revision
        )
    ).scalar_one()
    return bool(weight and weight > made.size)


def newest(connection: Connection, scope: str) -> SnapshotNote | None:
    """The newest snapshot of the present timeline."""
    row = connection.execute(
        _notes()
        .join(company, company.c.timeline == feed_snapshot.c.timeline)
        .where(feed_snapshot.c.scope == scope)
        .order_by(feed_snapshot.c.revision.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _note(row)


def find(connection: Connection, scope: str, sha256: str) -> SnapshotNote | None:
    """One that is still kept, by its digest."""
    c = feed_snapshot.c
    row = connection.execute(_notes().where(c.scope == scope, c.sha256 == sha256)).one_or_none()
    return None if row is None else _note(row)


def read_part(connection: Connection, note: SnapshotNote, start: int, size: int) -> bytes:
    """Bytes of a snapshot from a place on; empty where it was dropped meanwhile."""
    c = feed_snapshot.c
    part = func.substring(c.packed, start + 1, size)
    found = select(part).where(c.scope == note.scope, c.sha256 == note.sha256)
    return bytes(connection.execute(found).scalar_one_or_none() or b"")


def make(
    connection: Connection, scope: str, *, now_ms: int, signing_key: Ed25519PrivateKey
) -> SnapshotNote | None:
    """The snapshot of the scope as it is now, made unless there is one of the present head.

    None where another makes one at this moment, or nothing was ever published.
    """
    lock = text("SELECT pg_try_advisory_xact_lock(hashtextextended('sentra snapshot ' || :s, 0))")
    if not connection.execute(lock, {"s": scope}).scalar_one():
        return None
    head = feed.heads(connection, (scope,))[scope]
    made = newest(connection, scope)
    if head == 0 or (made is not None and made.revision >= head):
        return made
    here = the_company(connection)
    revision, packed = packed_state(connection, scope)
    note = sign_snapshot(
        packed,
        signing_key,
        scope=scope,
        revision=revision,
        timeline=here.timeline,
        timeline_at_ms=here.timeline_at_ms,
        made_at_ms=now_ms,
    )
    _keep(connection, note, packed)
    return note


def packed_state(connection: Connection, scope: str) -> tuple[int, bytes]:
    """The scope's head and the file of its present state."""
    revision = 0

    def items() -> Iterator[FeedItem]:
        nonlocal revision
        rows = connection.execute(
            _STATE, {"scope": scope}, execution_options={"yield_per": _ROWS_AT_ONCE}
        )
        for row in rows:
            revision = row.revision
            if row.kind is not None:
                yield FeedItem(row.kind, row.key, bytes(row.body))

    packed = pack_items(items())
    return revision, packed


def _keep(connection: Connection, note: SnapshotNote, packed: bytes) -> None:
    values = {name: getattr(note, name) for name in note.__struct_fields__}
    new = insert(feed_snapshot).values(**values, packed=packed)
    c = feed_snapshot.c
    connection.execute(new.on_conflict_do_update(index_elements=[c.scope, c.sha256], set_=values))
    newest_first = (c.timeline_at_ms.desc(), c.revision.desc())
    kept = select(c.sha256).where(c.scope == note.scope).order_by(*newest_first).limit(KEPT)
    connection.execute(delete(feed_snapshot).where(c.scope == note.scope, c.sha256.not_in(kept)))


def is_due(connection: Connection, scope: str, retention: Retention, now_ms: int) -> bool:
    """Whether a new snapshot would spare readers much, or let revisions go."""
    made, c = newest(connection, scope), feed_revision.c
    count, weight = connection.execute(
        select(func.count(), func.coalesce(func.sum(func.length(c.sealed)), 0)).where(
            c.scope == scope, c.revision > (made.revision if made else 0)
        )
    ).one()
    if count >= REVISIONS_BETWEEN or weight >= max(BYTES_BETWEEN, made.size // 4 if made else 0):
        return True
    return bool(count) and _could_go(connection, scope, retention, now_ms)


def _could_go(connection: Connection, scope: str, retention: Retention, now_ms: int) -> bool:
    c, head = feed_revision.c, feed.heads(connection, (scope,))[scope]
    old = select(c.revision).where(
        c.scope == scope,
        c.revision <= head - retention.revisions,
        c.published_at_ms < now_ms - retention.days * DAY_MS,
    )
    return connection.execute(select(old.exists())).scalar_one()


def keep(
    connection: Connection,
    scope: str,
    retention: Retention,
    *,
    now_ms: int,
    signing_key: Ed25519PrivateKey,
) -> Kept:
    """The housekeeping of one scope: a snapshot where one is due, then what it covers goes."""
    made = None
    if is_due(connection, scope, retention, now_ms):
        made = make(connection, scope, now_ms=now_ms, signing_key=signing_key)
    return Kept(made, drop_covered(connection, scope, retention, now_ms))


def drop_covered(connection: Connection, scope: str, retention: Retention, now_ms: int) -> int:
    """Drop the oldest revisions that a whole snapshot covers and that are not to stay; how many."""
    before_ms = now_ms - retention.days * DAY_MS
    dropped: int = connection.execute(
        text("SELECT drop_feed_revisions(:scope, :keep, :before)"),
        {"scope": scope, "keep": retention.revisions, "before": before_ms},
    ).scalar_one()
    return dropped


def scopes(connection: Connection) -> list[str]:
    """Every scope in which anything was published."""
    return list(connection.execute(select(feed_head.c.scope).order_by(feed_head.c.scope)).scalars())


def _notes() -> Select[tuple[Any, ...]]:
    return select(*(feed_snapshot.c[name] for name in SnapshotNote.__struct_fields__))


def _note(row: Row[Any]) -> SnapshotNote:
    return SnapshotNote(**row._mapping)
