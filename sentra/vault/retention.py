"""Forgets a terminal's oldest facts, once they are archived and older than any restore can reach.

Closed shifts go, oldest first, with their entries, sealed bytes and rows, so that whatever is still
here is a journal of its own: it chains from the last entry dropped, and every row is what its facts
give. A large shift goes in parts, one after the other without a pause, each of whole segments; but
for that moment every shift that is here is here wholly. The newest shift always stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import msgspec

from sentra.events import Fact
from sentra.projection.rows import Place
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import Entry, Head, head_of
from sentra.protocol.messages import Base, Watermark, note_of
from sentra.vault import archived
from sentra.vault.driver import Connection
from sentra.vault.entries import hash_at, highest_epoch, pruned_base, read
from sentra.vault.identity import Identity
from sentra.vault.rows import RowKeys, add_first_rows, drop_rows, fact_key, row_keys
from sentra.vault.watermarks import watermark

OPENED: Final = "shift.opened"
CLOSED: Final = "shift.closed"

ENTRIES_AT_ONCE: Final = 200
"""Entries dropped in one transaction, more where a segment is longer: some 30 ms."""

FREE_PAGES_KEPT: Final = 1_024
"""Free pages (4 MiB) that stay in the file: what is sold next is written there."""

PAGES_AT_ONCE: Final = 256
"""Pages given back to the disk in one transaction: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes next: everything up to `base`. Its readable facts have rows at `rows`, and are
    known by `keys`. `is_last`: no part of the same shift is left behind it."""

    base: Head
    count: int
    rows: RowKeys
    keys: frozenset[tuple[str, str]]
    is_last: bool


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
    """Of the oldest shift that may go, and whatever lies before it, the next part; reads only."""
    base, limit = pruned_base(db), may_go(db, identity, window_ms, now_ms)
    if (limit.epoch, limit.seq) <= (base.epoch, base.seq):
        return None
    end = _end_of_oldest(db, base, limit)
    if end is None:
        return None
    part = min(end, _end_of_part(db, base) or end)
    behind = read(db, identity.device_id, base, -1)
    going = list(takewhile(lambda one: (one.epoch, one.seq) <= part, behind))
    facts = list(_facts(identity, going))
    rows: RowKeys = set().union(*(row_keys(place, fact) for place, fact in facts))
    keys = frozenset(fact_key(fact) for _, fact in facts)
    return Plan(head_of(going[-1]), len(going), rows, keys, part == end)


def _end_of_part(db: Connection, base: Head) -> tuple[int, int] | None:
    """Where a segment ends that has enough for one transaction behind it: no cashier waits for a
    shift of thousands of sales."""
    place = db.execute(
        "SELECT epoch, seq FROM journal_entry WHERE (epoch, seq) > (?, ?)"
        " ORDER BY epoch, seq LIMIT 1 OFFSET ?",
        (base.epoch, base.seq, ENTRIES_AT_ONCE - 1),
    ).fetchone()
    if place is None:
        return None
    end = db.execute(
        "SELECT epoch, last_seq FROM sealed_segment WHERE (epoch, last_seq) >= (?, ?)"
        " ORDER BY epoch, last_seq LIMIT 1",
        place,
    ).fetchone()
    return None if end is None else (int(end[0]), int(end[1]))


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


def drop(db: Connection, identity: Identity, found: Plan, window_ms: int, now_ms: int) -> int:
    """Drops what was planned, in the caller's one transaction; how many entries.

    Nothing where the evidence has changed since: the cloud may have been restored meanwhile.
    """
    base, limit = pruned_base(db), may_go(db, identity, window_ms, now_ms)
    place = (found.base.epoch, found.base.seq)
    if not (base.epoch, base.seq) < place <= (limit.epoch, limit.seq):
        return 0
    if hash_at(db, *place) != found.base.hash:
        return 0
    mark = msgspec.json.encode(marks_of(db, identity)[archived.ARCHIVED]).decode()
    drop_rows(db, found.rows)
    db.execute("DELETE FROM journal_entry WHERE (epoch, seq) <= (?, ?)", place)
    db.execute("DELETE FROM sealed_segment WHERE (epoch, last_seq) <= (?, ?)", place)
    db.execute(
        "INSERT INTO journal_base (id, epoch, seq, hash, entry_count, pruned_at_ms, mark)"
        " VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch,"
        " seq = excluded.seq, hash = excluded.hash, pruned_at_ms = excluded.pruned_at_ms,"
        " entry_count = journal_base.entry_count + excluded.entry_count, mark = excluded.mark",
        (*place, found.base.hash, found.count, now_ms, mark),
    )
    archived.forget_before(db, identity.device_id, found.base)
    _give_rows_to_seconds(db, identity, found)
    return found.count


def _give_rows_to_seconds(db: Connection, identity: Identity, found: Plan) -> None:
    """In a journal that was put back a fact may stand twice; now the later one counts."""
    if highest_epoch(db) == 1:
        return
    later = _facts(identity, read(db, identity.device_id, found.base, -1))
    for at, fact in later:
        if fact_key(fact) in found.keys:
            add_first_rows(db, at, fact)


def _facts(
    identity: Identity, entries: Sequence[Entry] | Iterator[Entry]
) -> Iterator[tuple[Place, Fact]]:
    for entry in entries:
        try:
            fact = decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            continue
        yield Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq), fact


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
