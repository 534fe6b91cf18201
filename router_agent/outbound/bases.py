"""Where a journal begins here: behind what was dropped for its age, or was never sent for it.

What lies before is archived, by the cloud's signed word; the chain is verified from the base on.
Every function runs on a raw connection of the router's vault; nothing here commits.
"""

from __future__ import annotations

from typing import Any, Final

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.segment import read_header

SEGMENTS_AT_ONCE: Final = 200
"""Segments dropped in one transaction: a till that sends meanwhile waits some milliseconds."""


def base_of(db: Any, terminal: str) -> Head:
    """The last entry before the journal held; EMPTY where it is held from its beginning."""
    row = db.execute(
        "SELECT epoch, seq, hash FROM held_base WHERE terminal = ?", (terminal,)
    ).fetchone()
    return Head(row[0], row[1], bytes(row[2])) if row else EMPTY


def begin_at(db: Any, terminal: str, base: Head) -> bool:
    """Begins a journal behind a base that the cloud vouches for, where it is not here so far.

    A router that is new, or that was told of another line, gets no older entries from a terminal
    that does not have them any more. Whether anything was changed.
    """
    row = db.execute("SELECT epoch, seq FROM held_head WHERE terminal = ?", (terminal,)).fetchone()
    if row is not None and tuple(row) >= (base.epoch, base.seq):
        return False
    db.execute("DELETE FROM held_segment WHERE terminal = ?", (terminal,))
    db.execute(
        "INSERT INTO held_head (terminal, epoch, seq, hash, sent_epoch, sent_seq)"
        " VALUES (?1, ?2, ?3, ?4, ?2, ?3) ON CONFLICT (terminal) DO UPDATE SET"
        " epoch = excluded.epoch, seq = excluded.seq, hash = excluded.hash,"
        " sent_epoch = excluded.epoch, sent_seq = excluded.seq",
        (terminal, base.epoch, base.seq, base.hash),
    )
    _set_base(db, terminal, base)
    return True


def forget(db: Any, terminal: str, limit: Head) -> int:
    """Drops the oldest segments up to a place, a few at once; how many went.

    Only what the cloud has confirmed of this very line goes.
    """
    rows = db.execute(
        "SELECT s.epoch, s.last_seq, s.sealed FROM held_segment s JOIN held_head h USING (terminal)"
        " WHERE s.terminal = ? AND (s.epoch, s.last_seq) <= (?, ?)"
        " AND (s.epoch, s.last_seq) <= (h.sent_epoch, h.sent_seq)"
        " ORDER BY s.epoch, s.last_seq LIMIT ?",
        (terminal, limit.epoch, limit.seq, SEGMENTS_AT_ONCE),
    ).fetchall()
    if not rows:
        return 0
    epoch, seq, sealed = rows[-1]
    db.execute(
        "DELETE FROM held_segment WHERE terminal = ? AND (epoch, last_seq) <= (?, ?)",
        (terminal, epoch, seq),
    )
    _set_base(db, terminal, Head(epoch, seq, read_header(bytes(sealed)).last_hash))
    return len(rows)


def leave(db: Any, terminal: str) -> None:
    """The line is another now, which has a base of its own."""
    db.execute("DELETE FROM held_base WHERE terminal = ?", (terminal,))


def _set_base(db: Any, terminal: str, base: Head) -> None:
    db.execute(
        "INSERT OR REPLACE INTO held_base (terminal, epoch, seq, hash) VALUES (?, ?, ?, ?)",
        (terminal, base.epoch, base.seq, base.hash),
    )
