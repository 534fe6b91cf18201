"""A small key -> JSON store inside the vault, and the daemon's word on its links."""

from __future__ import annotations

from typing import Any

import msgspec

from sentra.vault.driver import Connection

SYNC_STATUS = "sync_status"

FEED_HEADS = "feed_heads"
"""Scope → last revision of its feed, as the daemon heard it in its last hello."""


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """How one link does. `reachable` None: not tried yet. `since_ms`: in this state since."""

    reachable: bool | None = None
    since_ms: int = 0
    last_ok_at_ms: int | None = None
    last_error: str | None = None


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon last knew. Old when `updated_at_ms` is: then the daemon is silent.

    `skew_ms` is this clock minus the server's. `notice` is a word for something that a person
    should see, or None: `journal-behind` (an older copy of this vault was put back), `fork` (two
    machines use this identity), `refused`, `unanswered`, `forgotten` (the cloud lacks what was
    dropped here as archived), `protocol-too-old` stop the sending; `revoked` and `feed-stuck` do
    not.
    """

    router: LinkState = LinkState()
    cloud: LinkState = LinkState()
    skew_ms: int = 0
    updated_at_ms: int = 0
    via: str | None = None
    notice: str | None = None


def get(db: Connection, key: str) -> Any:
    """The value of a key as plain lists, dicts and scalars; None where there is none."""
    row = db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0])


def put(db: Connection, key: str, value: object) -> None:
    """Keeps anything that msgspec writes as JSON; None deletes the key. Inside `writer()`."""
    if value is None:
        db.execute("DELETE FROM state WHERE key = ?", (key,))
    else:
        row = (key, msgspec.json.encode(value))
        db.execute("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", row)


def sync_status(db: Connection) -> SyncStatus:
    """The daemon's last word; all defaults where it never ran."""
    row = db.execute("SELECT value FROM state WHERE key = ?", (SYNC_STATUS,)).fetchone()
    return SyncStatus() if row is None else msgspec.json.decode(row[0], type=SyncStatus)


def put_sync_status(db: Connection, status: SyncStatus) -> None:
    """Written by the daemon alone. Inside `writer()`."""
    put(db, SYNC_STATUS, status)
