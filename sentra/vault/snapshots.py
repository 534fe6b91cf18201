"""Snapshots of the feed in a vault: kept part by part as they come, applied wholly or not at all.

A download outlives restarts: what came is in the vault, and the rest is asked for from there on.
The note of each was verified before anything of it was kept; its digest is checked before anything
of it is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import (
    PART_BYTES,
    SnapshotNote,
    check_digest,
    unpack_items,
    write_note,
)
from sentra.vault import feed_restart, staging
from sentra.vault.catalogue import cursor, has_stale_items, set_cursor
from sentra.vault.driver import Connection
from sentra.vault.failures import RevisionOutOfOrder
from sentra.vault.room import Room, go_on


@dataclass(frozen=True, slots=True)
class Held:
    """A snapshot and how many of its bytes are here, from its beginning without a gap."""

    note: SnapshotNote
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are here; they are not checked by that."""
        return self.size >= self.note.size


def begun(db: Connection, scope: str) -> Held | None:
    """The download under way in a scope."""
    return _held(db, scope, whole=False)


def kept(db: Connection, scope: str) -> Held | None:
    """The checked snapshot that is served on."""
    return _held(db, scope, whole=True)


def _held(db: Connection, scope: str, *, whole: bool) -> Held | None:
    row = db.execute(
        "SELECT sha256, note FROM feed_snapshot WHERE scope = ? AND whole = ?", (scope, whole)
    ).fetchone()
    if row is None:
        return None
    size = db.execute(
        "SELECT coalesce(sum(size), 0) FROM feed_snapshot_part WHERE scope = ? AND sha256 = ?",
        (scope, row[0]),
    ).fetchone()[0]
    return Held(msgspec.json.decode(row[1], type=SnapshotNote), size)


def begin(db: Connection, note: SnapshotNote) -> bool:
    """Begins a download in place of the one that was under way; inside `writer()`.

    False where the very file is served on already: of a state that came back.
    """
    give_up(db, note.scope)
    here = kept(db, note.scope)
    if here is not None and here.note.sha256 == note.sha256:
        return False
    db.execute(
        "INSERT INTO feed_snapshot (scope, sha256, note) VALUES (?, ?, ?)",
        (note.scope, note.sha256, write_note(note)),
    )
    return True


def give_up(db: Connection, scope: str) -> None:
    """Forgets the download under way; inside `writer()`."""
    _forget(db, scope, "SELECT sha256 FROM feed_snapshot WHERE scope = ?1 AND whole = 0")


def add_part(db: Connection, note: SnapshotNote, start: int, body: bytes) -> None:
    """Keeps what came, where it goes on from what is here; inside `writer()`."""
    held = begun(db, note.scope)
    if held is None or held.note.sha256 != note.sha256 or held.size != start or not body:
        return
    db.execute(
        "INSERT INTO feed_snapshot_part (scope, sha256, start, size, bytes) VALUES (?,?,?,?,?)",
        (note.scope, note.sha256, start, len(body), body),
    )


def parts(db: Connection, note: SnapshotNote) -> Iterator[bytes]:
    """The bytes that are here, in order."""
    rows = db.execute(
        "SELECT bytes FROM feed_snapshot_part WHERE scope = ? AND sha256 = ? ORDER BY start",
        (note.scope, note.sha256),
    )
    for (body,) in rows:
        yield bytes(body)


def read_range(db: Connection, note: SnapshotNote, start: int, end: int) -> bytes:
    """The bytes from `start` up to `end`, as far as they are here."""
    rows = db.execute(
        "SELECT start, bytes FROM feed_snapshot_part"
        " WHERE scope = ? AND sha256 = ? AND start < ? AND start + size > ? ORDER BY start",
        (note.scope, note.sha256, end, start),
    )
    return b"".join(body[max(0, start - at) : end - at] for at, body in rows)


def keep(db: Connection, note: SnapshotNote) -> None:
    """The file is whole and checked: it is served from now on, in place of any other."""
    here = kept(db, note.scope)
    if here is not None and here.note.sha256 != note.sha256:
        _forget(db, note.scope, "SELECT sha256 FROM feed_snapshot WHERE scope = ?1 AND whole = 1")
    db.execute(
        "UPDATE feed_snapshot SET whole = 1, note = ? WHERE scope = ? AND sha256 = ?",
        (write_note(note), note.scope, note.sha256),
    )


def forget(db: Connection, scope: str) -> None:
    """Forgets every snapshot of the scope; inside `writer()`."""
    _forget(db, scope, "SELECT sha256 FROM feed_snapshot WHERE scope = ?1")


def _forget(db: Connection, scope: str, which: str) -> None:
    for table in ("feed_snapshot_part", "feed_snapshot"):
        db.execute(f"DELETE FROM {table} WHERE scope = ?1 AND sha256 IN ({which})", (scope,))  # noqa: S608


# --- Into a till's catalogue --------------------------------------------------------------------


def check(db: Connection, note: SnapshotNote) -> None:
    """Raises SnapshotDamaged unless what is here is what the cloud signed."""
    check_digest(note, parts(db, note))


def apply_snapshot(room: Room, note: SnapshotNote, give_way: Callable[[], None] = go_on) -> None:
    """The scope is what the snapshot says, wholly or not at all, and the download is forgotten.

    Only what it says otherwise is written: most of a till that was off for months is as it was.
    Raises SnapshotDamaged, and RevisionOutOfOrder where it leads no further, or the scope's cursor
    moved meanwhile.
    """
    with room.reader() as db:
        check(db, note)
        before = cursor(db, note.scope)
        _require_progress(db, note, before)

    def finish(db: Connection) -> None:
        _require_progress(db, note, before)
        feed_restart.close_restart(db, note.scope)
        set_cursor(db, note.scope, note.revision)
        forget(db, note.scope)

    staging.install(room, note.scope, _blocks(room, note), finish, give_way)


def _require_progress(db: Connection, note: SnapshotNote, before: int) -> None:
    present = cursor(db, note.scope)
    leads_further = note.revision > present or has_stale_items(db, note.scope)
    if present != before or not leads_further:
        raise RevisionOutOfOrder(revision=note.revision, scope=note.scope, cursor=present)


def _blocks(room: Room, note: SnapshotNote) -> Iterator[list[FeedItem]]:
    """What it says, and then the end of what it does not say."""
    with room.reader() as db:
        gone = feed_restart.keys_of(db, note.scope)
    for block in unpack_items(note.scope, _parts_one_by_one(room, note)):
        gone.difference_update((item.kind, item.key) for item in block)
        yield block
    yield from staging.deletions(gone)


def _parts_one_by_one(room: Room, note: SnapshotNote) -> Iterator[bytes]:
    """Each in a look of its own: a log cannot be cut back while somebody reads an old moment."""
    for start in range(0, note.size, PART_BYTES):
        with room.reader() as db:
            part = read_range(db, note, start, start + PART_BYTES)
        yield part
