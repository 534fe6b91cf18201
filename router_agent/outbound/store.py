"""What the router keeps, in its encrypted database. Every function runs on a raw connection.

Writers are called inside one short transaction of the vault; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from router_agent.operations.forward import Lane
from router_agent.operations.take import Taking
from sentra.events import Branch, Company, Decision, Device, Person
from sentra.protocol.bodies import UnknownKind, decode_decision
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Custody, Parcel
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.protocol.messages import HeadNote, Hello, Watermark, note_of

LANE_SEGMENTS_MAX = 2_000
"""Segments of one journal looked at for one envelope."""

_KEPT_KINDS = ("device", "person", "branch", "company")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a till said of itself, and when."""

    terminal: str
    last_heard_at_ms: int
    software: str
    skew_ms: int
    rtt_ms: int
    waiting: int


@dataclass(frozen=True, slots=True)
class JournalState:
    """How far one terminal's journal is here and in the cloud."""

    terminal: str
    here: Head
    cloud: Head
    watermark: Watermark | None


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without the cloud; `ended_at_ms` None while it lasts."""

    started_at_ms: int
    ended_at_ms: int | None
    reason: str


def head_of(db: Any, terminal: str) -> Head:
    """The head held for a terminal; EMPTY for one never heard of."""
    row = db.execute(
        "SELECT epoch, seq, hash FROM held_head WHERE terminal = ?", (terminal,)
    ).fetchone()
    return Head(row[0], row[1], bytes(row[2])) if row else EMPTY


def keep(db: Any, takings: Iterable[Taking], now_ms: int) -> None:
    """Stores what is new, byte for byte, and moves the heads."""
    for taking in takings:
        if not taking.held:
            continue
        db.executemany(
            "INSERT INTO held_segment VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    taking.terminal,
                    held.header.epoch,
                    held.header.first_seq,
                    held.header.last_seq,
                    now_ms,
                    len(held.sealed),
                    held.sealed,
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


_WAITING = """
    (s.epoch > h.cloud_epoch OR (s.epoch = h.cloud_epoch AND s.last_seq > h.cloud_seq))
"""

_UNCOVERED = "s.last_seq - max(s.first_seq - 1, iif(s.epoch = h.cloud_epoch, h.cloud_seq, 0))"


def lanes(db: Any) -> list[Lane]:
    """Each journal's backlog towards the cloud, oldest segment first."""
    found = []
    for (terminal,) in db.execute("SELECT terminal FROM held_head ORDER BY terminal").fetchall():
        waiting = db.execute(
            f"SELECT coalesce(sum({_UNCOVERED}), 0) FROM held_segment s"  # noqa: S608 - our own text
            f" JOIN held_head h USING (terminal) WHERE s.terminal = ? AND {_WAITING}",
            (terminal,),
        ).fetchone()[0]
        sizes = db.execute(
            "SELECT s.size_bytes FROM held_segment s JOIN held_head h USING (terminal)"  # noqa: S608
            f" WHERE s.terminal = ? AND {_WAITING} ORDER BY s.epoch, s.first_seq LIMIT ?",
            (terminal, LANE_SEGMENTS_MAX),
        ).fetchall()
        found.append(Lane(terminal, waiting, tuple(row[0] for row in sizes)))
    return found


def next_parcels(db: Any, terminal: str, segments: int, router: str) -> list[Parcel]:
    """The journal's next segments for the cloud, each stamped with our custody."""
    rows = db.execute(
        "SELECT s.sealed, s.received_at_ms FROM held_segment s"  # noqa: S608 - our own text
        f" JOIN held_head h USING (terminal) WHERE s.terminal = ? AND {_WAITING}"
        " ORDER BY s.epoch, s.first_seq LIMIT ?",
        (terminal, segments),
    ).fetchall()
    return [Parcel(bytes(sealed), Custody(router, at_ms)) for sealed, at_ms in rows]


def segments_of(db: Any, terminal: str) -> Iterator[bytes]:
    """Every sealed segment held for a terminal, in order."""
    cursor = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? ORDER BY epoch, first_seq", (terminal,)
    )
    for (sealed,) in cursor:
        yield bytes(sealed)


def waiting_segments(db: Any, segments_max: int) -> list[tuple[bytes, Head, int]]:
    """(sealed, the cloud's head of its journal, received_at_ms) of what waits, oldest first."""
    rows = db.execute(
        "SELECT s.sealed, h.cloud_epoch, h.cloud_seq, h.cloud_hash, s.received_at_ms"  # noqa: S608
        f" FROM held_segment s JOIN held_head h USING (terminal) WHERE {_WAITING}"
        " ORDER BY s.received_at_ms LIMIT ?",
        (segments_max,),
    ).fetchall()
    return [(bytes(r[0]), Head(r[1], r[2], bytes(r[3])), r[4]) for r in rows]


def oldest_waiting_at_ms(db: Any) -> int | None:
    """When the oldest segment that is not in the cloud came here."""
    row = db.execute(
        "SELECT min(s.received_at_ms) FROM held_segment s"  # noqa: S608 - our own text
        f" JOIN held_head h USING (terminal) WHERE {_WAITING}"
    ).fetchone()
    return None if row is None else row[0]


def set_cloud_head(db: Any, terminal: str, head: Head, mark: Watermark | None) -> None:
    """How far the cloud is, by its own answer; `mark` is its signed word, already checked."""
    db.execute(
        "INSERT INTO held_head (terminal, epoch, seq, hash, cloud_epoch, cloud_seq, cloud_hash,"
        " watermark) VALUES (?, 1, 0, zeroblob(32), ?, ?, ?, ?) ON CONFLICT (terminal) DO UPDATE"
        " SET cloud_epoch = excluded.cloud_epoch, cloud_seq = excluded.cloud_seq,"
        " cloud_hash = excluded.cloud_hash, watermark = coalesce(excluded.watermark, watermark)",
        (
            terminal,
            head.epoch,
            head.seq,
            head.hash,
            None if mark is None else msgspec.json.encode(mark).decode(),
        ),
    )


_STATES = (
    "SELECT terminal, epoch, seq, hash, cloud_epoch, cloud_seq, cloud_hash, watermark"
    " FROM held_head"
)


def _state(row: Any) -> JournalState:
    mark = None if row[7] is None else msgspec.json.decode(row[7], type=Watermark)
    here, cloud = Head(row[1], row[2], bytes(row[3])), Head(row[4], row[5], bytes(row[6]))
    return JournalState(row[0], here, cloud, mark)


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


def note_heard(db: Any, terminal: str, hello: Hello, now_ms: int) -> None:
    """Remembers what a till just said of itself."""
    db.execute(
        "INSERT OR REPLACE INTO heard VALUES (?, ?, ?, ?, ?, ?)",
        (terminal, now_ms, hello.software, hello.skew_ms, hello.rtt_ms, hello.backlog),
    )


def touch_heard(db: Any, terminal: str, now_ms: int) -> None:
    """A till sent something: it is alive."""
    db.execute("UPDATE heard SET last_heard_at_ms = ? WHERE terminal = ?", (now_ms, terminal))


def all_heard(db: Any) -> dict[str, Heard]:
    """By terminal."""
    rows = db.execute("SELECT * FROM heard").fetchall()
    return {row[0]: Heard(*row) for row in rows}


def feed_cursor(db: Any, scope: str) -> int:
    """The last revision cached of a scope."""
    row = db.execute(
        "SELECT max(revision) FROM cached_revision WHERE scope = ?", (scope,)
    ).fetchone()
    return row[0] or 0


def cache_revision(db: Any, revision: SealedRevision, items: Iterable[FeedItem]) -> None:
    """Keeps a verified revision for the tills, and what the router itself needs to know of it."""
    db.execute(
        "INSERT OR IGNORE INTO cached_revision VALUES (?, ?, ?, ?)",
        (revision.scope, revision.revision, revision.sealed, revision.signature),
    )
    for item in items:
        if item.kind not in _KEPT_KINDS:
            continue
        if item.body is None:
            db.execute("DELETE FROM branch_item WHERE kind = ? AND key = ?", (item.kind, item.key))
        else:
            db.execute(
                "INSERT OR REPLACE INTO branch_item VALUES (?, ?, ?)",
                (item.kind, item.key, item.body),
            )


def revisions_after(db: Any, scope: str, after: int, bytes_max: int) -> list[SealedRevision]:
    """Cached revisions behind a cursor, in order, up to a size (at least one)."""
    found: list[SealedRevision] = []
    size = 0
    rows = db.execute(
        "SELECT revision, sealed, signature FROM cached_revision WHERE scope = ? AND revision > ?"
        " ORDER BY revision",
        (scope, after),
    )
    for revision, sealed, signature in rows:
        size += len(sealed)
        if found and size > bytes_max:
            break
        found.append(SealedRevision(scope, revision, bytes(sealed), bytes(signature)))
    return found


def _decisions(db: Any, kind: str) -> list[Decision]:
    found = []
    for (body,) in db.execute("SELECT body FROM branch_item WHERE kind = ? ORDER BY key", (kind,)):
        try:
            found.append(decode_decision(kind, bytes(body)))
        except UnknownKind:
            continue
    return found


def devices(db: Any) -> list[Device]:
    """The branch's terminals and routers, by the feed."""
    return [item for item in _decisions(db, "device") if isinstance(item, Device)]


def people(db: Any) -> list[Person]:
    """Who works in this branch, by the feed."""
    return [item for item in _decisions(db, "person") if isinstance(item, Person)]


def branch(db: Any) -> Branch | None:
    """The branch's settings, None before the first feed."""
    return next((item for item in _decisions(db, "branch") if isinstance(item, Branch)), None)


def company(db: Any) -> Company | None:
    """The company, None before the first feed."""
    return next((item for item in _decisions(db, "company") if isinstance(item, Company)), None)


def outage_began(db: Any, now_ms: int, reason: str) -> None:
    """The cloud stopped answering; nothing changes while an outage already lasts."""
    if db.execute("SELECT 1 FROM outage WHERE ended_at_ms IS NULL").fetchone() is None:
        db.execute("INSERT OR IGNORE INTO outage VALUES (?, NULL, ?)", (now_ms, reason))


def outage_ended(db: Any, now_ms: int) -> None:
    """The cloud answers again."""
    db.execute("UPDATE outage SET ended_at_ms = ? WHERE ended_at_ms IS NULL", (now_ms,))


def outages_since(db: Any, since_ms: int) -> list[Outage]:
    """Outages that lasted into the time since then, in order."""
    rows = db.execute(
        "SELECT started_at_ms, ended_at_ms, reason FROM outage"
        " WHERE coalesce(ended_at_ms, ?) >= ? ORDER BY started_at_ms",
        (since_ms, since_ms),
    ).fetchall()
    return [Outage(*row) for row in rows]
