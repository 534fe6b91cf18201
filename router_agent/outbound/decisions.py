"""The feed in the router's database: sealed revisions for the tills, and what it reads itself.

Every function runs on a raw connection. Writers are called inside one short transaction of the
vault; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sentra.events import Branch, Decision, Device, Person
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_decision
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.snapshot import CursorBeyond, SnapshotNeeded, SnapshotNote, unpack_items
from sentra.vault import snapshots

REVISIONS_MAX: Final = 2_000
REVISIONS_BYTES_MAX: Final = 32 * 1024 * 1024
"""Above either, a newer snapshot takes the place of the revisions that it covers."""

REVISIONS_BEHIND_KEPT: Final = 200
"""Covered revisions that stay: a till that was off for a night takes these."""

KEPT_KINDS: Final = ("device", "person", "branch", "company")
"""Of all that is decided, what the router itself reads."""


def feed_cursor(db: Any, scope: str) -> int:
    """The last revision that is here, by itself or in a snapshot."""
    row = db.execute(
        "SELECT max(revision) FROM cached_revision WHERE scope = ?", (scope,)
    ).fetchone()
    kept = snapshots.kept(db, scope)
    return max(row[0] or 0, kept.note.revision if kept else 0)


def page_after(
    db: Any, scope: str, after: int, bytes_max: int, *, takes_snapshots: bool = False
) -> tuple[int, list[SealedRevision]]:
    """(the last revision here, those behind a cursor in order, up to a size).

    Raises SnapshotNeeded where they are not here any more or, for who takes snapshots, weigh more
    than one; and CursorBeyond for a cursor that is further than this cache.
    """
    head = feed_cursor(db, scope)
    if after > head:
        raise CursorBeyond(f"the feed of {scope} ends at {head} here")
    page = revisions_after(db, scope, after, bytes_max)
    if head > after and (not page or page[0].revision != after + 1):
        raise SnapshotNeeded(f"revision {after + 1} of {scope} is not kept here")
    kept = snapshots.kept(db, scope) if takes_snapshots else None
    if kept is not None and kept.note.revision > after + 1:
        weight = db.execute(
            "SELECT coalesce(sum(length(sealed)), 0) FROM cached_revision"
            " WHERE scope = ? AND revision > ? AND revision <= ?",
            (scope, after, kept.note.revision),
        ).fetchone()[0]
        if weight > kept.note.size:
            raise SnapshotNeeded(f"a snapshot of {scope} weighs less than what follows {after}")
    return head, page


def keep_snapshot(db: Any, note: SnapshotNote) -> None:
    """Hands a checked snapshot on, in place of the revisions that it covers.

    The newest of those stay, for tills that are only a little behind.
    """
    before = feed_cursor(db, note.scope)
    snapshots.keep(db, note)
    if note.revision > before:
        # What lies between is not here: a till that needs any of it takes the snapshot.
        db.execute("DELETE FROM cached_revision WHERE scope = ?", (note.scope,))
        db.execute("DELETE FROM branch_item WHERE scope = ?", (note.scope,))
        for block in unpack_items(note.scope, snapshots.parts(db, note)):
            _keep_items(db, note.scope, block)
    else:
        last = note.revision - REVISIONS_BEHIND_KEPT
        db.execute(
            "DELETE FROM cached_revision WHERE scope = ? AND revision <= ?", (note.scope, last)
        )


def is_heavy(db: Any, scope: str) -> bool:
    """Whether so many revisions are here that a newer snapshot should take their place."""
    count, size = db.execute(
        "SELECT count(*), coalesce(sum(length(sealed)), 0) FROM cached_revision WHERE scope = ?",
        (scope,),
    ).fetchone()
    return bool(count > REVISIONS_MAX or size > REVISIONS_BYTES_MAX)


def cache_revision(db: Any, revision: SealedRevision, items: Iterable[FeedItem]) -> None:
    """Keeps a verified revision for the tills, and what the router itself needs to know of it."""
    db.execute(
        "INSERT INTO cached_revision VALUES (?, ?, ?, ?)",
        (revision.scope, revision.revision, revision.sealed, revision.signature),
    )
    _keep_items(db, revision.scope, items)


def _keep_items(db: Any, scope: str, items: Iterable[FeedItem]) -> None:
    for item in items:
        if item.kind not in KEPT_KINDS:
            continue
        if item.body is None:
            db.execute("DELETE FROM branch_item WHERE kind = ? AND key = ?", (item.kind, item.key))
        else:
            db.execute(
                "INSERT OR REPLACE INTO branch_item (kind, key, scope, body) VALUES (?, ?, ?, ?)",
                (item.kind, item.key, scope, item.body),
            )


def restart_feed(db: Any, scope: str) -> None:
    """Forgets the scope's revisions; the items of it hold until `settle_feed`, so that the branch
    goes on being served while they are fetched again."""
    db.execute("DELETE FROM cached_revision WHERE scope = ?", (scope,))
    snapshots.forget(db, scope)
    db.execute("UPDATE branch_item SET stale = 1 WHERE scope = ?", (scope,))


def has_stale_items(db: Any, scope: str) -> bool:
    """Whether `settle_feed` has anything to do."""
    row = db.execute("SELECT 1 FROM branch_item WHERE scope = ? AND stale = 1", (scope,)).fetchone()
    return row is not None


def settle_feed(db: Any, scope: str) -> None:
    """Drops what was not said anew since the restart."""
    db.execute("DELETE FROM branch_item WHERE scope = ? AND stale = 1", (scope,))


def revisions_after(db: Any, scope: str, after: int, bytes_max: int) -> list[SealedRevision]:
    """Cached revisions behind a cursor, in order, up to a size (at least one)."""
    found: list[SealedRevision] = []
    size = 0
    rows = db.execute(
        "SELECT revision, sealed, signature FROM cached_revision WHERE scope = ? AND revision > ?"
        " ORDER BY revision",
        (scope, after),
    )
    for revision, sealed, signature in rows:
        size += len(sealed)
        if found and size > bytes_max:
            break
        found.append(SealedRevision(scope, revision, bytes(sealed), bytes(signature)))
    return found


def _decisions(db: Any, kind: str) -> list[Decision]:
    found = []
    for (body,) in db.execute("SELECT body FROM branch_item WHERE kind = ? ORDER BY key", (kind,)):
        try:
            found.append(decode_decision(kind, bytes(body)))
        except (UnknownKind, BodyUnreadable):
            # Of a later version: the tills that know it get it as it is.
            continue
    return found


def devices(db: Any) -> list[Device]:
    """The branch's terminals and routers, by the feed."""
    return [item for item in _decisions(db, "device") if isinstance(item, Device)]


def people(db: Any) -> list[Person]:
    """Who works in this branch, by the feed."""
    return [item for item in _decisions(db, "person") if isinstance(item, Person)]


def branch(db: Any) -> Branch | None:
    """The branch's settings, None before the first feed."""
    return next((item for item in _decisions(db, "branch") if isinstance(item, Branch)), None)
