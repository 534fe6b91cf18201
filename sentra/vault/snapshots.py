"""Snapshots of the feed in a vault: kept part by part as they come, applied wholly or not at all.

A download outlives restarts: what came is in the vault, and the rest is asked for from there on.
The note of each was verified before anything of it was kept; its digest is checked before anything
of it is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import SnapshotNote, check_digest, unpack_items, write_note
from sentra.vault.catalogue import (
    apply_items,
    cursor,
    differs_in_body_alone,
    has_stale_items,
    set_cursor,
    write_bodies,
)
from sentra.vault.driver import Connection
from sentra.vault.failures import RevisionOutOfOrder

BODIES_MAX: Final = 200_000
"""Products that are held ready at once: some sixty megabytes."""

_KEYS_IN_ONE_QUERY: Final = 400
_Key = tuple[str, str]


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


@dataclass(frozen=True, slots=True)
class Difference:
    """What a snapshot says otherwise than the catalogue at `cursor`. `gone` it does not say.

    `bodies` are (body, number) of products of which only the price or the like is another: ready to
    be written, because that may be all of them.
    """

    cursor: int
    bodies: tuple[tuple[bytes, int], ...]
    changed: frozenset[_Key]
    gone: tuple[_Key, ...]


def check(db: Connection, note: SnapshotNote) -> None:
    """Raises SnapshotDamaged unless what is here is what the cloud signed."""
    check_digest(note, parts(db, note))


def difference(db: Connection, note: SnapshotNote) -> Difference:
    """Compares without keeping anybody from writing: most of a far-behind till is as it was.

    Raises SnapshotDamaged.
    """
    scope = note.scope
    bodies: list[tuple[bytes, int]] = []
    changed: set[_Key] = set()
    seen: set[_Key] = set()
    for block in unpack_items(scope, parts(db, note)):
        here = _present(db, scope, block)
        for item in block:
            key = (item.kind, item.key)
            seen.add(key)
            before, number = here.get(key, (None, 0))
            if before == item.body or item.body is None:
                continue
            is_light = item.kind == "product" and before is not None and len(bodies) < BODIES_MAX
            if is_light and before is not None and differs_in_body_alone(before, item.body):
                bodies.append((item.body, number))
            else:
                changed.add(key)
    gone = tuple(sorted(_keys(db, scope) - seen))
    return Difference(cursor(db, scope), tuple(bodies), frozenset(changed), gone)


def apply_snapshot(db: Connection, note: SnapshotNote, found: Difference) -> None:
    """The scope is what the snapshot says, wholly; inside `writer()`.

    Raises RevisionOutOfOrder where the catalogue moved on since the comparison.
    """
    scope, present = note.scope, cursor(db, note.scope)
    if present != found.cursor or (note.revision <= present and not has_stale_items(db, scope)):
        raise RevisionOutOfOrder(revision=note.revision, scope=scope, cursor=present)
    write_bodies(db, found.bodies)
    for block in unpack_items(scope, parts(db, note)) if found.changed else ():
        apply_items(db, scope, [item for item in block if (item.kind, item.key) in found.changed])
    apply_items(db, scope, [FeedItem(kind, key, None) for kind, key in found.gone])
    for table in ("product", "decision"):
        db.execute(f"UPDATE {table} SET stale = 0 WHERE stale = 1 AND scope = ?", (scope,))  # noqa: S608
    set_cursor(db, scope, note.revision)
    forget(db, scope)


def _present(
    db: Connection, scope: str, block: Sequence[FeedItem]
) -> dict[_Key, tuple[bytes, int]]:
    """Body and number of what is here; only products have a number."""
    found: dict[_Key, tuple[bytes, int]] = {}
    for kind, keys in _by_kind(block):
        for start in range(0, len(keys), _KEYS_IN_ONE_QUERY):
            some = keys[start : start + _KEYS_IN_ONE_QUERY]
            marks = ",".join("?" * len(some))
            if kind == "product":
                query = f"SELECT product_id, body, number FROM product WHERE scope = ? AND product_id IN ({marks})"  # noqa: E501, S608
                rows = db.execute(query, (scope, *some))
            else:
                query = f"SELECT key, body, 0 FROM decision WHERE scope = ? AND kind = ? AND key IN ({marks})"  # noqa: E501, S608
                rows = db.execute(query, (scope, kind, *some))
            found.update(((kind, key), (body, number)) for key, body, number in rows)
    return found


def _by_kind(block: Iterable[FeedItem]) -> Iterator[tuple[str, list[str]]]:
    kinds: dict[str, list[str]] = {}
    for item in block:
        kinds.setdefault(item.kind, []).append(item.key)
    yield from kinds.items()


def _keys(db: Connection, scope: str) -> set[_Key]:
    return set(
        db.execute(
            "SELECT kind, key FROM decision WHERE scope = ?1"
            " UNION ALL SELECT 'product', product_id FROM product WHERE scope = ?1",
            (scope,),
        )
    )
