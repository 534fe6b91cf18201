"""What the router remembers of its line: outages, and from when to when it was there to see them.

Every function runs on a raw connection; writers are called inside a transaction of the vault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KEPT_MS = 90 * 24 * 60 * 60 * 1000
"""Outages and watches older than this are dropped: the page shows a day, a dispute some weeks."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without the cloud; `ended_at_ms` None while it lasts.

    `sales_kept` waited here when the line came back.
    """

    started_at_ms: int
    ended_at_ms: int | None
    reason: str
    sales_kept: int


@dataclass(frozen=True, slots=True)
class Watch:
    """A time in which this router ran without a break."""

    started_at_ms: int
    last_at_ms: int


def open_outage(db: Any) -> Outage | None:
    """The outage that lasts, also one that began before a restart."""
    row = db.execute("SELECT * FROM outage WHERE ended_at_ms IS NULL").fetchone()
    return None if row is None else Outage(*row)


def outage_began(db: Any, now_ms: int, reason: str) -> None:
    """The cloud stopped answering; nothing changes while an outage already lasts."""
    if open_outage(db) is None:
        db.execute(
            "INSERT OR IGNORE INTO outage (started_at_ms, reason) VALUES (?, ?)", (now_ms, reason)
        )


def outage_ended(db: Any, now_ms: int, sales_kept: int) -> None:
    """The cloud answers again."""
    db.execute(
        "UPDATE outage SET ended_at_ms = max(?, started_at_ms), sales_kept = ?"
        " WHERE ended_at_ms IS NULL",
        (now_ms, sales_kept),
    )


def outages_since(db: Any, since_ms: int) -> list[Outage]:
    """Outages that lasted into the time since then, in order."""
    rows = db.execute(
        "SELECT * FROM outage WHERE coalesce(ended_at_ms, ?) >= ? ORDER BY started_at_ms",
        (since_ms, since_ms),
    ).fetchall()
    return [Outage(*row) for row in rows]


def keep_watch(db: Any, started_at_ms: int, now_ms: int) -> None:
    """The router that started then still runs."""
    db.execute(
        "INSERT INTO watch VALUES (?, ?) ON CONFLICT (started_at_ms) DO UPDATE"
        " SET last_at_ms = max(last_at_ms, excluded.last_at_ms)",
        (started_at_ms, now_ms),
    )


def watches_since(db: Any, since_ms: int) -> list[Watch]:
    """Watches that lasted into the time since then, in order."""
    rows = db.execute(
        "SELECT * FROM watch WHERE last_at_ms >= ? ORDER BY started_at_ms", (since_ms,)
    ).fetchall()
    return [Watch(*row) for row in rows]


def forget_before(db: Any, before_ms: int) -> None:
    """Drops what nobody looks at any more."""
    db.execute("DELETE FROM outage WHERE ended_at_ms < ?", (before_ms,))
    db.execute("DELETE FROM watch WHERE last_at_ms < ?", (before_ms,))
