"""Reading the terminal's journal: its head, its entries, what stands at a place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from sentra.events import Fact
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.vault import state
from sentra.vault.driver import Connection

_DROPPED: Final = "journal/dropped"
_COLUMNS: Final = "epoch, seq, kind, schema, recorded_at_ms, business_date, body, hash"


class _Named(msgspec.Struct, frozen=True):
    device_id: str


def head(db: Connection) -> Head:
    """The end of the journal; in an epoch without entries seq 0 and the hash it chains to."""
    epoch = db.execute(
        "SELECT epoch, base_hash FROM journal_epoch ORDER BY epoch DESC LIMIT 1"
    ).fetchone()
    if epoch is None:
        return EMPTY
    last = db.execute(
        "SELECT seq, hash FROM journal_entry WHERE epoch = ? ORDER BY seq DESC LIMIT 1",
        (epoch[0],),
    ).fetchone()
    if last is None and (base := pruned_base(db)).epoch == epoch[0] and base != EMPTY:
        return base
    return Head(epoch[0], *last) if last else Head(epoch[0], 0, epoch[1])


def pruned_base(db: Connection) -> Head:
    """The last entry that was dropped for its age; EMPTY where none was."""
    row = db.execute("SELECT epoch, seq, hash FROM journal_base").fetchone()
    return Head(*row) if row else EMPTY


def dropped_up_to(db: Connection) -> Head | None:
    """Where what was forgotten is gone already; the entries from here to the base are left over.
    None where none are."""
    kept = state.get(db, _DROPPED)
    return None if kept is None else Head(kept[0], kept[1], bytes.fromhex(kept[2]))


def note_dropped(db: Connection, place: Head | None) -> None:
    """Remembers it, in the transaction that drops; None: all up to the base is gone."""
    kept = None if place is None else (place.epoch, place.seq, place.hash.hex())
    state.put(db, _DROPPED, kept)


def pruned_count(db: Connection) -> int:
    """How many entries were dropped for their age."""
    row = db.execute("SELECT entry_count FROM journal_base").fetchone()
    return int(row[0]) if row else 0


def highest_epoch(db: Connection) -> int:
    """The highest number of an epoch that anything was ever written in here; 1 for none."""
    query = (
        "SELECT max((SELECT coalesce(max(epoch), 1) FROM journal_epoch),"
        " (SELECT coalesce(max(epoch), 1) FROM abandoned_entry))"
    )
    return int(db.execute(query).fetchone()[0])


def is_provisional(db: Connection) -> bool:
    """Whether this journal was put back and waits for what its stores hold of it."""
    row = db.execute("SELECT provisional FROM journal_epoch ORDER BY epoch DESC LIMIT 1").fetchone()
    return bool(row and row[0])


def entries(db: Connection, after: Head, limit: int) -> list[Entry]:
    """Up to `limit` entries behind a head, in order, over epochs."""
    return list(read(db, terminal_of(db), after, limit))


def entry_of(db: Connection, epoch: int, seq: int) -> Entry | None:
    """The entry at one place."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM journal_entry WHERE epoch = ? AND seq = ?",  # noqa: S608
        (epoch, seq),
    ).fetchone()
    return Entry(terminal_of(db), *row) if row else None


def hash_at(db: Connection, epoch: int, seq: int) -> bytes | None:
    """The hash at one place; at seq 0 the one that the epoch chains to."""
    if seq == 0:
        query = "SELECT base_hash FROM journal_epoch WHERE epoch = ?1 AND ?2 = 0"
    else:
        query = "SELECT hash FROM journal_entry WHERE epoch = ?1 AND seq = ?2"
    row = db.execute(query, (epoch, seq)).fetchone()
    if row is not None:
        return bytes(row[0])
    base = pruned_base(db)
    return base.hash if base != EMPTY and (base.epoch, base.seq) == (epoch, seq) else None


def holds(db: Connection, head: Head) -> bool:
    """Whether this journal has exactly this head, or nothing is claimed by it.

    Of what was dropped for its age nobody can tell any more: the cloud has it, by its signature.
    """
    if head == EMPTY or hash_at(db, head.epoch, head.seq) == head.hash:
        return True
    base = pruned_base(db)
    return (head.epoch, head.seq) < (base.epoch, base.seq)


def facts(db: Connection, terminal: str) -> Iterator[tuple[Entry, Fact | None]]:
    """Every entry with its fact, also of what is left over; None where this version cannot read
    it."""
    for entry in read_all(db, terminal, EMPTY, -1):
        try:
            yield entry, decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            yield entry, None


def read(db: Connection, terminal: str, after: Head, limit: int) -> Iterator[Entry]:
    """The same one by one; a negative limit is none. What was forgotten is not read, though it may
    be left over."""
    places = (after, pruned_base(db))
    return read_all(db, terminal, max(places, key=lambda one: (one.epoch, one.seq)), limit)


def read_all(db: Connection, terminal: str, after: Head, limit: int) -> Iterator[Entry]:
    """The same with what is left over."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM journal_entry WHERE (epoch, seq) > (?, ?)"  # noqa: S608
        " ORDER BY epoch, seq LIMIT ?",
        (after.epoch, after.seq, limit),
    )
    for row in rows:
        yield Entry(terminal, *row)


def terminal_of(db: Connection) -> str:
    """The id of the terminal whose journal this is; empty before its enrolment."""
    row = db.execute("SELECT body FROM identity WHERE id = 1").fetchone()
    return msgspec.json.decode(row[0], type=_Named).device_id if row else ""
