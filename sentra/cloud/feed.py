"""Decisions on their way down: numbered under the scope's row lock, sealed, signed, read in order.

The caller's transaction holds the lock until it ends, so no reader sees a revision before the one
that came first, and a roll-back burns no number. After the commit the caller wakes the readers
(`sentra.cloud.wake`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Select, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sentra.cloud.tables import company, feed_head, feed_item, feed_revision
from sentra.events import Decision
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import ITEMS_MAX, FeedItem, SealedRevision, seal_revision

PAGE_REVISIONS_MAX: Final = 200
"""Revisions in one answer, however small they are."""


_T = TypeVar("_T")

# Arrays, because thousands of items as single parameters take SQLAlchemy seconds to compile.
_PRESENT: Final = text("""
    SELECT kind, key, body FROM feed_item
    JOIN unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS wanted (kind, key)
    USING (kind, key) WHERE scope = :scope
""")
_REMOVE: Final = text("""
    DELETE FROM feed_item
    USING unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS gone (kind, key)
    WHERE feed_item.scope = :scope AND feed_item.kind = gone.kind AND feed_item.key = gone.key
""")
_REPLACE: Final = text("""
    INSERT INTO feed_item (scope, kind, key, revision, body)
    SELECT :scope, kind, key, :revision, body
    FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:bodies AS bytea[]))
        AS new (kind, key, body)
    ON CONFLICT (scope, kind, key) DO UPDATE SET revision = excluded.revision, body = excluded.body
""")

# What is asked all day is put together once: that takes longer than PostgreSQL's answer.
_HEADS: Final = select(feed_head.c.scope, feed_head.c.revision).where(
    feed_head.c.scope.in_(bindparam("scopes", expanding=True))
)
_LOCK: Final = (
    insert(feed_head)
    .on_conflict_do_update(
        index_elements=[feed_head.c.scope], set_={"revision": feed_head.c.revision}
    )
    .returning(feed_head.c.revision)
)
_MOVE: Final = update(feed_head).where(feed_head.c.scope == bindparam("moved"))
_APPEND: Final = feed_revision.insert()
_TIMELINE: Final = select(company.c.timeline)
_FOLLOW_RESTORE: Final = select(func.follow_restore(bindparam("now_ms")))


def _fitting() -> Select[Any]:
    """The revisions after a cursor that fit, one where there is any."""
    table = feed_revision.c
    running = func.sum(func.length(table.sealed)).over(order_by=table.revision)
    page = (
        select(table.revision, table.sealed, table.signature, running.label("running"))
        .where(table.scope == bindparam("scope"), table.revision > bindparam("after"))
        .order_by(table.revision)
        .limit(bindparam("revisions_max"))
        .subquery()
    )
    fits = page.c.running - func.length(page.c.sealed) < bindparam("bytes_max")
    return select(page).where(fits).order_by(page.c.revision)


_FITTING: Final = _fitting()


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Revisions in order, and how far the scope has come."""

    head: int
    revisions: tuple[SealedRevision, ...]


def item(kind: str, key: str, decision: Decision | None) -> FeedItem:
    """A feed item; None deletes the key on every till."""
    return FeedItem(kind, key, None if decision is None else encode_decision(decision))


def publish(
    connection: Connection,
    scope: str,
    items: Iterable[FeedItem],
    *,
    now_ms: int,
    signing_key: Ed25519PrivateKey,
) -> int:
    """Append what differs from the scope's present state; returns the scope's head afterwards.

    What is already so is left out, so a repeated call publishes nothing. More than `ITEMS_MAX`
    items become several revisions, which still appear together. Waits while another transaction
    publishes in the same scope.
    """
    head = _lock(connection, scope)
    changed = _changed(connection, scope, items)
    timeline = _timeline(connection, now_ms) if changed else None
    for revision, part in enumerate(_batches(changed), head + 1):
        sealed = seal_revision(scope, revision, part, signing_key, timeline)
        row = {
            "scope": scope,
            "revision": revision,
            "sealed": sealed.sealed,
            "signature": sealed.signature,
            "item_count": len(part),
            "published_at_ms": now_ms,
        }
        connection.execute(_APPEND, row)
        _apply(connection, scope, revision, part)
        head = revision
    connection.execute(_MOVE, {"moved": scope, "revision": head})
    return head


def read_after(connection: Connection, scope: str, after: int, bytes_max: int) -> FeedPage:
    """The revisions after a cursor, in order: as many as fit, but one where there is any."""
    wanted = {"scope": scope, "after": after, "bytes_max": bytes_max}
    rows = connection.execute(_FITTING, {**wanted, "revisions_max": PAGE_REVISIONS_MAX}).all()
    revisions = tuple(
        SealedRevision(scope, row.revision, bytes(row.sealed), bytes(row.signature)) for row in rows
    )
    head = heads(connection, (scope,))[scope]
    return FeedPage(head, revisions)


def heads(connection: Connection, scopes: Collection[str]) -> dict[str, int]:
    """The head of each scope; 0 where nothing was published."""
    found = connection.execute(_HEADS, {"scopes": list(scopes)})
    return dict.fromkeys(scopes, 0) | {row.scope: row.revision for row in found}


def state(connection: Connection, scope: str) -> list[FeedItem]:
    """The scope's present state: what a till that has applied every revision holds."""
    table = feed_item.c
    rows = connection.execute(
        select(table.kind, table.key, table.body)
        .where(table.scope == scope)
        .order_by(table.kind, table.key)
    )
    return [FeedItem(row.kind, row.key, bytes(row.body)) for row in rows]


def _lock(connection: Connection, scope: str) -> int:
    revision: int = connection.execute(_LOCK, {"scope": scope, "revision": 0}).scalar_one()
    return revision


def _timeline(connection: Connection, now_ms: int) -> str | None:
    """The present one, which every revision says; None before there is a company.

    A database that was just restored begins its new one here, if nobody asked before: what is
    published now belongs to that.
    """
    connection.execute(_FOLLOW_RESTORE, {"now_ms": now_ms})
    return connection.execute(_TIMELINE).scalar_one_or_none()


def _changed(connection: Connection, scope: str, items: Iterable[FeedItem]) -> list[FeedItem]:
    last = {(each.kind, each.key): each for each in items}
    present: dict[tuple[str, str], bytes] = {}
    for part in _batches(last):
        kinds, keys = [kind for kind, _ in part], [key for _, key in part]
        rows = connection.execute(_PRESENT, {"scope": scope, "kinds": kinds, "keys": keys})
        present.update({(row.kind, row.key): bytes(row.body) for row in rows})
    return [each for key, each in last.items() if each.body != present.get(key)]


def _apply(connection: Connection, scope: str, revision: int, items: Sequence[FeedItem]) -> None:
    gone = [each for each in items if each.body is None]
    kept = [each for each in items if each.body is not None]
    for statement, part in ((_REMOVE, gone), (_REPLACE, kept)):
        if part:
            columns = {
                "scope": scope,
                "revision": revision,
                "kinds": [each.kind for each in part],
                "keys": [each.key for each in part],
                "bodies": [each.body for each in part],
            }
            connection.execute(statement, columns)


def _batches(items: Iterable[_T]) -> Iterator[tuple[_T, ...]]:
    rest = iter(items)
    while part := tuple(islice(rest, ITEMS_MAX)):
        yield part
