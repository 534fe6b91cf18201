"""Forgets a terminal's oldest facts, once they are archived and older than any restore can reach.

Closed shifts go, oldest first, with their entries, sealed bytes and rows, so that whatever is still
here is a journal of its own: it chains from the last entry forgotten, and every row is what its
facts give. Every shift that is here is here wholly, and the newest always stays. What is forgotten
is dropped behind it, a portion at a time: see `leftovers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from sentra.protocol.entry import Head
from sentra.protocol.messages import Base, Watermark, note_of
from sentra.vault import archived
from sentra.vault.driver import Connection
from sentra.vault.entries import dropped_up_to, hash_at, note_dropped, pruned_base
from sentra.vault.identity import Identity
from sentra.vault.watermarks import watermark

OPENED: Final = "shift.opened"
CLOSED: Final = "shift.closed"

FREE_PAGES_KEPT: Final = 1_024
"""Free pages (4 MiB) that stay in the file: what is sold next is written there."""

PAGES_AT_ONCE: Final = 256
"""Pages given back to the disk in one transaction: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is forgotten next: the `count` entries up to `base`."""

    base: Head
    count: int


def marks_of(db: Connection, identity: Identity) -> dict[str, Watermark]:
    """What the cloud signed of this journal as it is now; nobody else's word is among it."""
    rows = db.execute("SELECT name, at_ms, signature FROM watermark WHERE signature IS NOT NULL")
    told = (
        Watermark(name, identity.device_id, note_of(watermark(db, name)), at_ms, signature)
        for name, at_ms, signature in rows.fetchall()
        if name in (archived.ARCHIVED, archived.CLOUD)
    )
    return archived.true_marks(told, identity.device_id, identity.cloud_public_key)


def may_go(db: Connection, identity: Identity, window_ms: int, now_ms: int) -> Head:
    """Up to where the evidence allows to forget; EMPTY: nothing."""
    marks = marks_of(db, identity)
    newest = max((mark.at_ms for mark in marks.values()), default=0)
    return archived.may_go(db, identity.device_id, marks, newest, window_ms, now_ms)


def plan(db: Connection, identity: Identity, window_ms: int, now_ms: int) -> Plan | None:
    """Of the oldest shift that may go, and whatever lies before it; reads only."""
    base, limit = pruned_base(db), may_go(db, identity, window_ms, now_ms)
    if (limit.epoch, limit.seq) <= (base.epoch, base.seq):
        return None
    end = _end_of_oldest(db, base, limit)
    if end is None:
        return None
    (count,) = db.execute(
        "SELECT count(*) FROM journal_entry WHERE (epoch, seq) > (?, ?) AND (epoch, seq) <= (?, ?)",
        (base.epoch, base.seq, *end),
    ).fetchone()
    return Plan(Head(*end, hash_at(db, *end) or b""), count)


def _end_of_oldest(db: Connection, base: Head, limit: Head) -> tuple[int, int] | None:
    """Where the oldest closed shift ends together with a segment, no shift being open there."""
    ends = iter(
        db.execute(
            "SELECT epoch, last_seq FROM sealed_segment WHERE (epoch, last_seq) > (?, ?)"
            " AND (epoch, last_seq) <= (?, ?) ORDER BY epoch, last_seq",
            (base.epoch, base.seq, limit.epoch, limit.seq),
        )
    )
    places = db.execute(
        "SELECT epoch, seq, kind FROM journal_entry WHERE (epoch, seq) > (?, ?)"
        " AND (epoch, seq) <= (?, ?) ORDER BY epoch, seq",
        (base.epoch, base.seq, limit.epoch, limit.seq),
    )
    end = next(ends, None)
    is_open = has_closed = False
    for epoch, seq, kind in places:
        if kind == OPENED:
            is_open = True
        elif kind == CLOSED:
            is_open, has_closed = False, True
        while end is not None and tuple(end) < (epoch, seq):
            end = next(ends, None)
        if end is not None and tuple(end) == (epoch, seq) and has_closed and not is_open:
            return (epoch, seq) if _a_shift_follows(db, epoch, seq) else None
    return None


def _a_shift_follows(db: Connection, epoch: int, seq: int) -> bool:
    """The newest shift stays: the next one is numbered on from it."""
    query = "SELECT 1 FROM journal_entry WHERE (epoch, seq) > (?, ?) AND kind = ? LIMIT 1"
    return db.execute(query, (epoch, seq, OPENED)).fetchone() is not None


def forget(db: Connection, identity: Identity, found: Plan, window_ms: int, now_ms: int) -> int:
    """Moves the base, in the caller's one transaction; how many entries are forgotten.

    They are no part of the journal from now on; `leftovers` drops them. Nothing is forgotten where
    the evidence has changed since it was planned: the cloud may have been restored meanwhile.
    """
    base, limit = pruned_base(db), may_go(db, identity, window_ms, now_ms)
    place = (found.base.epoch, found.base.seq)
    if not (base.epoch, base.seq) < place <= (limit.epoch, limit.seq):
        return 0
    if hash_at(db, *place) != found.base.hash:
        return 0
    mark = msgspec.json.encode(marks_of(db, identity)[archived.ARCHIVED]).decode()
    if dropped_up_to(db) is None:
        note_dropped(db, base)
    db.execute("DELETE FROM sealed_segment WHERE (epoch, last_seq) <= (?, ?)", place)
    db.execute(
        "INSERT INTO journal_base (id, epoch, seq, hash, entry_count, pruned_at_ms, mark)"
        " VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch,"
        " seq = excluded.seq, hash = excluded.hash, pruned_at_ms = excluded.pruned_at_ms,"
        " entry_count = journal_base.entry_count + excluded.entry_count, mark = excluded.mark",
        (*place, found.base.hash, found.count, now_ms, mark),
    )
    archived.forget_before(db, identity.device_id, found.base)
    return found.count


def base_of(db: Connection) -> Base | None:
    """Where the journal begins, as a store is told; None where nothing was dropped."""
    row = db.execute("SELECT mark FROM journal_base").fetchone()
    if row is None:
        return None
    return Base(note_of(pruned_base(db)), msgspec.json.decode(row[0], type=Watermark))


def has_room_to_give_back(db: Connection) -> bool:
    """Whether the file holds more free pages than the next sales will need."""
    free = db.execute("PRAGMA freelist_count").fetchone()[0]
    return bool(free > FREE_PAGES_KEPT and db.execute("PRAGMA auto_vacuum").fetchone()[0] == 2)


def give_back_room(db: Connection) -> None:
    """Gives a few free pages back to the disk; inside `writer()`."""
    db.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
