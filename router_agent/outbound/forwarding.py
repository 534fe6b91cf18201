"""Up to where the cloud has confirmed the very line that is held here, and what waits behind it.

The cloud's own head says that only when it is an entry of this line: it may have come there by
another way, with entries that this router never saw, or with another machine's. So the cursor moves
by heads that are on the line and by answers to what was sent. While the cloud's head lies beyond
the line, its last segment alone is sent: the chain vouches for all before it.
"""

from __future__ import annotations

from typing import Any

from sentra.protocol.entry import EMPTY, Head

Cursor = tuple[str, int, int]
"""(terminal, epoch, seq): what lies behind it is to be sent."""


def cursors(db: Any) -> list[Cursor]:
    """The journals of which something is to be sent."""
    rows = db.execute(
        "SELECT terminal, sent_epoch, sent_seq,"
        " (cloud_epoch, cloud_seq) > (epoch, seq) AND NOT contradicts FROM held_head"
        " WHERE (epoch, seq) > (sent_epoch, sent_seq) ORDER BY terminal"
    ).fetchall()
    return [
        _before_last(db, terminal, epoch, seq) if is_beyond else (terminal, epoch, seq)
        for terminal, epoch, seq, is_beyond in rows
    ]


def _before_last(db: Any, terminal: str, epoch: int, seq: int) -> Cursor:
    row = db.execute(
        "SELECT epoch, last_seq FROM held_segment WHERE terminal = ?"
        " ORDER BY epoch DESC, last_seq DESC LIMIT 1 OFFSET 1",
        (terminal,),
    ).fetchone()
    return (terminal, *max((epoch, seq), tuple(row) if row else (epoch, seq)))


def follow_cloud(db: Any, terminal: str, cloud: Head, on_line: bool) -> None:
    """After the cloud's head became known, or the line grew."""
    if on_line or cloud == EMPTY:
        db.execute(
            "UPDATE held_head SET sent_epoch = ?, sent_seq = ?, contradicts = 0 WHERE terminal = ?",
            (cloud.epoch, cloud.seq, terminal),
        )


def is_news(db: Any, terminal: str, outcome: str, last: tuple[int, int]) -> bool:
    """Whether `note_answer` has anything to write: after a plain answer the head told it all."""
    if outcome not in ("appended", "already"):
        return True
    row = db.execute(
        "SELECT sent_epoch, sent_seq FROM held_head WHERE terminal = ?", (terminal,)
    ).fetchone()
    return row is not None and last > tuple(row)


def note_answer(db: Any, terminal: str, outcome: str, last: tuple[int, int]) -> None:
    """After the cloud's answer for an envelope whose last entry of this journal stood at `last`."""
    epoch, seq, is_beyond = db.execute(
        "SELECT sent_epoch, sent_seq, (cloud_epoch, cloud_seq) > (epoch, seq) AND NOT contradicts"
        " FROM held_head WHERE terminal = ?",
        (terminal,),
    ).fetchone()
    if outcome == "fork" and is_beyond:
        # The cloud has another line: now it gets the whole of this one, from the cursor on.
        db.execute("UPDATE held_head SET contradicts = 1 WHERE terminal = ?", (terminal,))
        return
    if outcome == "gap":
        if is_beyond or (epoch, seq) == (EMPTY.epoch, EMPTY.seq):
            return
        last = (EMPTY.epoch, EMPTY.seq)
    elif last <= (epoch, seq):
        return
    db.execute(
        "UPDATE held_head SET sent_epoch = ?, sent_seq = ? WHERE terminal = ?", (*last, terminal)
    )
