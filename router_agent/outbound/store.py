"""The journals that the router keeps. Every function runs on a raw connection of its vault.

Writers are called inside one short transaction of the vault; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from router_agent.operations.forward import Lane
from router_agent.operations.journals import JournalState
from router_agent.operations.take import Taking
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import bases, forwarding, lane
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import SEGMENTS_MAX, Custody, Parcel
from sentra.protocol.messages import HeadNote, Watermark, note_of
from sentra.protocol.segment import open_segment, read_header, sealed_digest

LANE_SEGMENTS_MAX = SEGMENTS_MAX
"""Segments of one journal looked at for one envelope: no more fit into it."""


@dataclass(frozen=True, slots=True)
class WaitingSegment:
    """A held segment, or the end of one, that the cloud does not have.

    Entries up to `covered_seq` are in the cloud already.
    """

    terminal: str
    epoch: int
    first_seq: int
    last_seq: int
    received_at_ms: int
    covered_seq: int


@dataclass(frozen=True, slots=True)
class HeldSegment:
    """A sealed segment as its row has it; `place` is (epoch, first seq, last seq), `sha256` the
    digest that was written with it, None in rows from before there was one."""

    place: tuple[int, int, int]
    sealed: bytes
    sha256: bytes | None


def head_of(db: Any, terminal: str) -> Head:
    """The head held for a terminal; EMPTY for one never heard of."""
    row = db.execute(
        "SELECT epoch, seq, hash FROM held_head WHERE terminal = ?", (terminal,)
    ).fetchone()
    return Head(row[0], row[1], bytes(row[2])) if row else EMPTY


def keep(db: Any, takings: Iterable[Taking], now_ms: int) -> None:
    """Stores what is new, byte for byte, and moves the heads; what contradicts goes to the lane."""
    for taking in takings:
        if taking.relined:
            _leave_line(db, taking.terminal)
        lane.keep_aside(db, taking.terminal, taking.forks, now_ms)
        lane.give_back(db, taking.terminal, taking.held)
        if not taking.held:
            continue
        db.executemany(
            "INSERT INTO held_segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    taking.terminal,
                    held.header.epoch,
                    held.header.first_seq,
                    held.header.last_seq,
                    now_ms,
                    len(held.sealed),
                    held.sealed,
                    sealed_digest(held.sealed),
                )
                for held in taking.held
            ],
        )
        db.execute(
            "INSERT INTO held_head (terminal, epoch, seq, hash) VALUES (?, ?, ?, ?) ON CONFLICT"
            " (terminal) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq,"
            " hash = excluded.hash",
            (taking.terminal, taking.head.epoch, taking.head.seq, taking.head.hash),
        )
        _meet_cloud(db, taking)


def _leave_line(db: Any, terminal: str) -> None:
    row = db.execute(
        "SELECT sent_epoch, sent_seq FROM held_head WHERE terminal = ?", (terminal,)
    ).fetchone()
    bases.leave(db, terminal)
    lane.leave_line(db, terminal, tuple(row) if row else (EMPTY.epoch, EMPTY.seq))
    forwarding.follow_cloud(db, terminal, EMPTY, on_line=True)


def begin_behind(db: Any, mark: Watermark) -> bool:
    """Begins a journal of which nothing is here where the cloud has come to, by its word, already
    checked. Whether anything was changed."""
    head, state = mark.head.to_head(), journal(db, mark.terminal)
    if state is not None and state.here != EMPTY:
        return False
    bases.begin_at(db, mark.terminal, head)
    if state is None or (state.cloud.epoch, state.cloud.seq) < (head.epoch, head.seq):
        set_cloud_head(db, state, CloudHead(mark.terminal, head, mark))
    return True


def _begin_lower(db: Any, terminal: str, cloud: Head) -> None:
    """The cloud was restored, and lost what was never sent here: the journal begins where it has
    come to now, and the terminal sends it again. What is here waits in the lane meanwhile, since
    nobody else may have it."""
    lane.leave_line(db, terminal, (cloud.epoch, cloud.seq))
    bases.leave(db, terminal)
    if cloud != EMPTY:
        bases.begin_at(db, terminal, cloud)
    forwarding.follow_cloud(db, terminal, cloud, on_line=True)


def _meet_cloud(db: Any, taking: Taking) -> None:
    """The line came to where the cloud's head is: is it the same entry?"""
    state = journal(db, taking.terminal)
    if state is None or state.cloud == EMPTY:
        return
    place = (state.cloud.epoch, state.cloud.seq)
    before, after = taking.before, taking.head
    if (before.epoch, before.seq) < place <= (after.epoch, after.seq) or taking.relined:
        forwarding.follow_cloud(
            db, taking.terminal, state.cloud, is_on_line(db, state, state.cloud)
        )


def is_on_line(db: Any, state: JournalState, head: Head) -> bool:
    """Whether a head is an entry of the journal held."""
    if head in (EMPTY, state.here):
        return True
    return hash_at(db, state.terminal, head.epoch, head.seq) == head.hash


def first_of(db: Any, terminal: str) -> tuple[int, int] | None:
    """(epoch, seq) of the first entry held; None for none."""
    row = db.execute(
        "SELECT epoch, first_seq FROM held_segment WHERE terminal = ?"
        " ORDER BY epoch, last_seq LIMIT 1",
        (terminal,),
    ).fetchone()
    return tuple(row) if row else None


def segments_behind(db: Any, terminal: str, place: tuple[int, int], limit: int) -> list[bytes]:
    """Sealed segments of a journal whose last entry lies behind a place, in order."""
    rows = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? AND (epoch, last_seq) > (?, ?)"
        " ORDER BY epoch, last_seq LIMIT ?",
        (terminal, *place, limit),
    )
    return [bytes(sealed) for (sealed,) in rows.fetchall()]


def hash_at(db: Any, terminal: str, epoch: int, seq: int) -> bytes | None:
    """The hash of the entry held at a place, None where none is.

    Mostly the last of a segment, whose header has it; else the segment is opened.
    """
    row = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? AND epoch = ? AND last_seq >= ?"
        " ORDER BY last_seq LIMIT 1",
        (terminal, epoch, seq),
    ).fetchone()
    base = bases.base_of(db, terminal)
    if base != EMPTY and (base.epoch, base.seq) == (epoch, seq):
        return base.hash
    if row is None:
        return None
    sealed = bytes(row[0])
    header = read_header(sealed)
    if header.first_seq > seq:
        return None
    if header.last_seq == seq:
        return header.last_hash
    before = hash_before(db, terminal, epoch, header.first_seq)
    return None if before is None else open_segment(sealed, before)[seq - header.first_seq].hash


def hash_before(db: Any, terminal: str, epoch: int, first_seq: int) -> bytes | None:
    """What a segment's first entry chains to; None where that is not held."""
    if (epoch, first_seq) == (1, 1):
        return EMPTY.hash
    row = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? AND (epoch, last_seq) < (?, ?)"
        " ORDER BY epoch DESC, last_seq DESC LIMIT 1",
        (terminal, epoch, first_seq),
    ).fetchone()
    if row is not None:
        return read_header(bytes(row[0])).last_hash
    base = bases.base_of(db, terminal)
    return base.hash if base != EMPTY and (base.epoch, base.seq) < (epoch, first_seq) else None


# A row value against plain numbers finds its place in the index: the cost follows what waits, and
# not what was ever held. Against another table's columns SQLite would look at every row.
_WAITING = "terminal = ? AND (epoch, last_seq) > (?, ?)"


def lanes(db: Any) -> list[Lane]:
    """The backlog of each journal that has one, oldest segment first."""
    found = []
    for terminal, epoch, seq in forwarding.cursors(db):
        first = f"iif(epoch = {epoch:d}, max({seq:d}, first_seq - 1), first_seq - 1)"
        waiting = db.execute(
            f"SELECT coalesce(sum(last_seq - {first}), 0)"  # noqa: S608 - our own text and numbers
            f" FROM held_segment WHERE {_WAITING}",
            (terminal, epoch, seq),
        ).fetchone()[0]
        sizes = db.execute(
            f"SELECT size_bytes FROM held_segment WHERE {_WAITING}"  # noqa: S608 - our own text
            " ORDER BY epoch, last_seq LIMIT ?",
            (terminal, epoch, seq, LANE_SEGMENTS_MAX),
        ).fetchall()
        found.append(Lane(terminal, waiting, tuple(row[0] for row in sizes)))
    return found


def next_parcels(db: Any, terminal: str, segments: int, router: str) -> list[Parcel]:
    """The journal's next segments for the cloud, each stamped with our custody."""
    head = next((head for head in forwarding.cursors(db) if head[0] == terminal), None)
    if head is None:
        return []
    rows = db.execute(
        f"SELECT sealed, received_at_ms FROM held_segment WHERE {_WAITING}"  # noqa: S608
        " ORDER BY epoch, last_seq LIMIT ?",
        (*head, segments),
    ).fetchall()
    return [Parcel(bytes(sealed), Custody(router, at_ms)) for sealed, at_ms in rows]


def segments_of(db: Any, terminal: str) -> Iterator[bytes]:
    """Every sealed segment held for a terminal, in order."""
    cursor = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? ORDER BY epoch, last_seq", (terminal,)
    )
    for (sealed,) in cursor:
        yield bytes(sealed)


def held_segments(db: Any, terminal: str, after: tuple[int, int] = (0, 0)) -> Iterator[HeldSegment]:
    """The same with what their rows say of them: those that reach beyond (epoch, seq)."""
    cursor = db.execute(
        "SELECT epoch, first_seq, last_seq, sealed, sha256 FROM held_segment WHERE terminal = ?"
        " AND (epoch, last_seq) > (?, ?) ORDER BY epoch, last_seq",
        (terminal, *after),
    )
    for epoch, first, last, sealed, sha256 in cursor:
        yield HeldSegment((epoch, first, last), bytes(sealed), sha256)


def sealed_at(db: Any, terminal: str, epoch: int, last_seq: int) -> bytes:
    """The sealed bytes of one held segment."""
    row = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? AND epoch = ? AND last_seq = ?",
        (terminal, epoch, last_seq),
    ).fetchone()
    return bytes(row[0])


def waiting_segments(db: Any) -> list[WaitingSegment]:
    """What the cloud does not have: journal by journal, in order."""
    found = []
    for terminal, epoch, seq in forwarding.cursors(db):
        rows = db.execute(
            "SELECT epoch, first_seq, last_seq, received_at_ms"  # noqa: S608
            f" FROM held_segment WHERE {_WAITING} ORDER BY epoch, last_seq",
            (terminal, epoch, seq),
        ).fetchall()
        found += [
            WaitingSegment(terminal, at, first, last, received, seq if at == epoch else 0)
            for at, first, last, received in rows
        ]
    return found


def oldest_waiting(db: Any) -> list[int]:
    """When the oldest segment that is not in the cloud came here, of each journal that has one."""
    firsts = [
        db.execute(
            f"SELECT received_at_ms FROM held_segment WHERE {_WAITING}"  # noqa: S608
            " ORDER BY epoch, last_seq LIMIT 1",
            head,
        ).fetchone()
        for head in forwarding.cursors(db)
    ]
    return [row[0] for row in firsts if row is not None]


def set_cloud_head(db: Any, known: JournalState | None, moved: CloudHead) -> None:
    """How far the cloud is, by its own answer; its signed word, already checked, goes with it.

    An older word about more than the cloud has now is dropped: it would promise too much.
    """
    mark = moved.mark
    if mark is None and known is not None and known.watermark is not None:
        head = known.watermark.head
        if (head.epoch, head.seq) <= (moved.head.epoch, moved.head.seq):
            mark = known.watermark
    db.execute(
        "INSERT INTO held_head (terminal, epoch, seq, hash, cloud_epoch, cloud_seq, cloud_hash,"
        " watermark) VALUES (?, 1, 0, zeroblob(32), ?, ?, ?, ?) ON CONFLICT (terminal) DO UPDATE"
        " SET cloud_epoch = excluded.cloud_epoch, cloud_seq = excluded.cloud_seq,"
        " cloud_hash = excluded.cloud_hash, watermark = excluded.watermark",
        (
            moved.terminal,
            moved.head.epoch,
            moved.head.seq,
            moved.head.hash,
            None if mark is None else msgspec.json.encode(mark).decode(),
        ),
    )
    base = bases.base_of(db, moved.terminal)
    if (moved.head.epoch, moved.head.seq) < (base.epoch, base.seq):
        _begin_lower(db, moved.terminal, moved.head)
        return
    state = journal(db, moved.terminal)
    if state is not None:
        on_line = is_on_line(db, state, moved.head)
        forwarding.follow_cloud(db, moved.terminal, moved.head, on_line)


def set_archived(db: Any, mark: Watermark) -> None:
    """The cloud's signed word, already checked, on what is archived of a journal that is here."""
    told = msgspec.json.encode(mark).decode()
    db.execute("UPDATE held_head SET archived = ? WHERE terminal = ?", (told, mark.terminal))


def since(db: Any) -> Watermark | None:
    """The cloud's signed word on its timeline, None before the first."""
    row = db.execute("SELECT mark FROM cloud_word WHERE name = 'timeline'").fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Watermark)


def set_since(db: Any, mark: Watermark) -> None:
    """Keeps it, already checked, for the tills."""
    told = msgspec.json.encode(mark).decode()
    db.execute("INSERT OR REPLACE INTO cloud_word VALUES ('timeline', ?)", (told,))


_STATES = (
    "SELECT terminal, epoch, seq, hash, cloud_epoch, cloud_seq, cloud_hash, watermark, archived"
    " FROM held_head"
)


def _state(row: Any) -> JournalState:
    mark, archived = (
        None if told is None else msgspec.json.decode(told, type=Watermark) for told in row[7:9]
    )
    here, cloud = Head(row[1], row[2], bytes(row[3])), Head(row[4], row[5], bytes(row[6]))
    return JournalState(row[0], here, cloud, mark, archived)


def journal(db: Any, terminal: str) -> JournalState | None:
    """How far one terminal's journal is, None for one never heard of."""
    row = db.execute(f"{_STATES} WHERE terminal = ?", (terminal,)).fetchone()
    return None if row is None else _state(row)


def journals(db: Any) -> list[JournalState]:
    """Every journal heard of."""
    return [_state(row) for row in db.execute(f"{_STATES} ORDER BY terminal").fetchall()]


def heads(db: Any) -> dict[str, HeadNote]:
    """The heads held, as they go on the wire."""
    return {state.terminal: note_of(state.here) for state in journals(db)}
