"""How far this terminal's journal has come, by evidence, and what still waits."""

from __future__ import annotations

from dataclasses import dataclass

from sentra.protocol.entry import EMPTY, Head
from sentra.vault.driver import Connection
from sentra.vault.entries import pruned_base


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits behind a watermark: how many entries, and when the oldest was stored."""

    count: int
    oldest_at_ms: int | None


def watermark(db: Connection, name: str) -> Head:
    """How far the journal has come: `router`, `cloud` or `archived`. EMPTY where it never did."""
    row = db.execute("SELECT epoch, seq, hash FROM watermark WHERE name = ?", (name,)).fetchone()
    return Head(*row) if row else EMPTY


def watermark_at_ms(db: Connection, name: str) -> int:
    """When the watermark was set, by the clock of who set it; 0 where it never was."""
    row = db.execute("SELECT at_ms FROM watermark WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def set_watermark(db: Connection, name: str, head: Head, at_ms: int, signature: str | None) -> bool:
    """Moves a watermark forward; whether it moved. It never moves back: see reset_watermark."""
    present = watermark(db, name)
    if (head.epoch, head.seq) <= (present.epoch, present.seq):
        return False
    reset_watermark(db, name, head, at_ms, signature)
    return True


def reset_watermark(
    db: Connection, name: str, head: Head, at_ms: int, signature: str | None
) -> None:
    """Sets a watermark anywhere, also back: only for a store that lost what it had."""
    row = (name, head.epoch, head.seq, head.hash, at_ms, signature)
    db.execute(
        "INSERT OR REPLACE INTO watermark (name, epoch, seq, hash, at_ms, signature)"
        " VALUES (?,?,?,?,?,?)",
        row,
    )


def backlog(db: Connection, name: str) -> Backlog:
    """What is not behind the watermark yet. Counts by sequence numbers, which have no gaps."""
    mark = max(watermark(db, name), pruned_base(db), key=lambda one: (one.epoch, one.seq))
    ends = db.execute(
        "SELECT e.epoch, (SELECT max(seq) FROM journal_entry j WHERE j.epoch = e.epoch)"
        " FROM journal_epoch e WHERE e.epoch >= ?",
        (mark.epoch,),
    ).fetchall()
    count = sum((last or 0) - (mark.seq if epoch == mark.epoch else 0) for epoch, last in ends)
    oldest = db.execute(
        "SELECT stored_at_ms FROM journal_entry WHERE (epoch, seq) > (?, ?)"
        " ORDER BY epoch, seq LIMIT 1",
        (mark.epoch, mark.seq),
    ).fetchone()
    return Backlog(count, oldest[0] if oldest else None)
