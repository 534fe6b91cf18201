"""The feed in the router's database: sealed revisions for the tills, and what it reads itself.

Every function runs on a raw connection. Writers are called inside one short transaction of the
vault; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sentra.events import Branch, Decision, Device, Person
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_decision
from sentra.protocol.feed import FeedItem, SealedRevision

_KEPT_KINDS = ("device", "person", "branch", "company")


def feed_cursor(db: Any, scope: str) -> int:
    """The last revision cached of a scope."""
    row = db.execute(
        "SELECT max(revision) FROM cached_revision WHERE scope = ?", (scope,)
    ).fetchone()
    return row[0] or 0


def cache_revision(db: Any, revision: SealedRevision, items: Iterable[FeedItem]) -> None:
    """Keeps a verified revision for the tills, and what the router itself needs to know of it."""
    db.execute(
        "INSERT INTO cached_revision VALUES (?, ?, ?, ?)",
        (revision.scope, revision.revision, revision.sealed, revision.signature),
    )
    for item in items:
        if item.kind not in _KEPT_KINDS:
            continue
        if item.body is None:
            db.execute("DELETE FROM branch_item WHERE kind = ? AND key = ?", (item.kind, item.key))
        else:
            db.execute(
                "INSERT OR REPLACE INTO branch_item (kind, key, scope, body) VALUES (?, ?, ?, ?)",
                (item.kind, item.key, revision.scope, item.body),
            )


def restart_feed(db: Any, scope: str) -> None:
    """Forgets the scope's revisions; the items of it hold until `settle_feed`, so that the branch
    goes on being served while they are fetched again."""
    db.execute("DELETE FROM cached_revision WHERE scope = ?", (scope,))
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
