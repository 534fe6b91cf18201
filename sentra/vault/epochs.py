"""A journal that goes on after an old copy was put back: noticed, taken up again, never doubled.

A restored vault lacks entries that its stores may hold. Whatever it would write behind its old end
could claim a place that is taken, so it writes in the next epoch: at once and *provisionally* where
the head file tells of it, and for good once the stores gave back what was lost. Provisional entries
are never sealed; they are recorded again in the epoch that follows what was fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from sentra.events import Fact
from sentra.projection.rows import Place
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, EPOCH_MAX, Entry, Head, head_of, make_entry
from sentra.protocol.segment import read_header, seal_all, sealed_digest
from sentra.vault import state, watermarks
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.entries import hash_at, head, highest_epoch, is_provisional, read
from sentra.vault.head_file import (
    provisional_base,
    read_head_file,
    was_put_back,
    write_head_file,
)
from sentra.vault.identity import Identity
from sentra.vault.journal import insert_entry, open_epoch
from sentra.vault.rows import add_first_rows, drop_own_rows, fact_key, move_rows

Key = tuple[object, ...]
Known = dict[Key, tuple[int, bytes]]
"""What facts are known by, and what they say."""

RESTORED: Final = "journal/restored"
REGAINING: Final = "journal/regaining"
FORK: Final = "journal/fork"
_MARKS: Final = ("router", "cloud", "archived")


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a journal that was put back: entries fetched, and recorded again."""

    epoch: int
    at_ms: int
    fetched: int
    again: int


class Forked(msgspec.Struct, frozen=True, kw_only=True):
    """Another machine writes in this terminal's name; `stored` entries of this line are aside."""

    at_ms: int
    stored: int = 0


@dataclass(frozen=True, slots=True)
class Regained:
    """What the stores hold of this journal and the vault does not.

    `keep` is the last own entry that stays in the journal; `line` are the entries that follow it
    now, with the `sealed` bytes that hold them; `lost` are facts of a line that contradicts this
    one: they are recorded again. `since` is the earliest place where any of it parted from the own
    line, `epochs` the highest epoch that anybody named.
    """

    keep: Head
    line: Sequence[Entry] = ()
    sealed: Sequence[bytes] = ()
    lost: Sequence[Entry] = ()
    since: Head = EMPTY
    epochs: int = 1


# --- At the start -------------------------------------------------------------------------------


def secure_head(vault: Vault, now_ms: int) -> bool:
    """Call at each start of a program that may write: whether an old copy was just noticed.

    From then on nothing is written at a place that may be taken. Without a network, too.
    """
    with vault.reader() as db:
        if not was_put_back(db, vault.folder):
            return False
    with vault.writer() as db:
        noted = read_head_file(vault.folder)
        if noted is None or not was_put_back(db, vault.folder):
            return False
        epoch = _next_epoch(db, noted.epoch)
        open_epoch(db, Head(epoch, 0, provisional_base(noted)), now_ms, provisional=True)
        opened = head(db)
    write_head_file(vault.folder, opened)
    return True


def _next_epoch(db: Connection, *seen: int) -> int:
    """A number that no copy of this journal can have used."""
    return min(max(highest_epoch(db), *seen) + 1, EPOCH_MAX)


# --- When the stores have answered --------------------------------------------------------------


def regain(
    db: Connection, identity: Identity, found: Regained, now_ms: int, known: Known | None = None
) -> Restored:
    """Takes up what the stores hold, in the caller's one transaction; opens the next epoch.

    1. What the own line has behind `keep` is set aside; nothing of it is deleted.
    2. The fetched line takes its place, byte for byte.
    3. The next epoch is opened behind it.
    4. What was set aside, and what was lost, is recorded again there, each fact once.

    `known` are the facts of the line, where it was taken up before.
    """
    aside = list(read(db, identity.device_id, found.keep, -1))
    epoch = _epoch_for(db, found)
    _set_aside(db, identity, aside, found, now_ms, known or {})
    take_line(db, identity, found.keep, found.line, found.sealed, now_ms)
    open_epoch(db, Head(epoch, 0, head(db).hash), now_ms)
    if known is None:
        known = dict(map(fact_key_of, read(db, identity.device_id, found.since, -1)))
    count = 0
    for entry in found.lost:
        if (new := _record_again(db, entry, known, now_ms)) is not None:
            _project(db, identity, new)
            count += 1
    count += _move_behind_head(db, identity, aside, known, now_ms)
    settle_marks(db, found.keep)
    fetched = len(found.line) + len(found.lost)
    done = Restored(epoch=epoch, at_ms=now_ms, fetched=fetched, again=count)
    state.put(db, RESTORED, done)
    state.put(db, REGAINING, None)
    return done


def move_behind(db: Connection, identity: Identity, found: Regained, now_ms: int) -> None:
    """What the own line has behind `keep` is set aside, and recorded again in a provisional epoch
    whose number is above all that anybody named: the till sells on there."""
    aside = list(read(db, identity.device_id, found.keep, -1))
    epoch = _epoch_for(db, found)
    _set_aside(db, identity, aside, replace(found, line=(), lost=()), now_ms, {})
    open_epoch(db, Head(epoch, 0, head(db).hash), now_ms, provisional=True)
    _move_behind_head(db, identity, aside, {}, now_ms)


def _epoch_for(db: Connection, found: Regained) -> int:
    """A provisional epoch in which nothing was written yet is as good as a new one."""
    seen = (found.epochs, *(entry.epoch for entry in (*found.line[-1:], *found.lost[-1:])))
    present = head(db)
    if is_provisional(db) and present.seq == 0 and present.epoch > max(seen):
        return present.epoch
    return _next_epoch(db, *seen)


def _set_aside(
    db: Connection,
    identity: Identity,
    aside: Sequence[Entry],
    found: Regained,
    now_ms: int,
    known: Known,
) -> None:
    keep = found.keep
    for entry in (*aside, *found.lost):
        _leave(db, entry, now_ms)
    # Of a fact that the line or a lost entry has too the rows are theirs; the others keep theirs.
    theirs = {fact_key_of(entry)[0] for entry in (*found.line, *found.lost)} - known.keys()
    for entry in aside if theirs else ():
        if fact_key_of(entry)[0] in theirs:
            unproject(db, identity, entry)
    db.execute("DELETE FROM journal_entry WHERE (epoch, seq) > (?, ?)", (keep.epoch, keep.seq))
    db.execute("DELETE FROM journal_epoch WHERE epoch > ?", (keep.epoch,))
    cut_segments(db, identity, found)


def cut_segments(db: Connection, identity: Identity, found: Regained) -> None:
    """Own segments end where the fetched ones begin."""
    keep = found.keep
    first = read_header(found.sealed[0]) if found.sealed else None
    begins = (keep.epoch, keep.seq)
    if first is not None:
        begins = min(begins, (first.epoch, first.first_seq - 1))
    db.execute("DELETE FROM sealed_segment WHERE (epoch, last_seq) > (?, ?)", begins)
    if first is not None:
        _seal_up_to(db, identity, begins)


def _leave(db: Connection, entry: Entry, now_ms: int) -> None:
    """Keeps what was left: nothing that anybody ever signed is deleted, and it is known again."""
    db.execute(
        "INSERT OR IGNORE INTO abandoned_entry (hash, epoch, seq, kind, schema, recorded_at_ms,"
        " business_date, body, abandoned_at_ms) VALUES (?,?,?,?,?,?,?,?,?)",
        (
            entry.hash,
            entry.epoch,
            entry.seq,
            entry.kind,
            entry.schema,
            entry.recorded_at_ms,
            entry.business_date,
            entry.body,
            now_ms,
        ),
    )


def has_left(db: Connection, place: Head) -> bool:
    """Whether this is the place of an entry that this journal once had, and left."""
    query = "SELECT 1 FROM abandoned_entry WHERE hash = ? AND epoch = ? AND seq = ?"
    return db.execute(query, (place.hash, place.epoch, place.seq)).fetchone() is not None


def settled_end(db: Connection) -> Head:
    """The last entry before a provisional epoch: behind it nothing was ever sent."""
    if not is_provisional(db):
        return head(db)
    last = db.execute(
        "SELECT epoch, seq, hash FROM journal_entry WHERE epoch <"
        " (SELECT min(epoch) FROM journal_epoch WHERE provisional)"
        " ORDER BY epoch DESC, seq DESC LIMIT 1"
    ).fetchone()
    return Head(*last) if last else EMPTY


def _seal_up_to(db: Connection, identity: Identity, place: tuple[int, int]) -> None:
    """A segment that reached into the fetched ones is cut before them."""
    row = db.execute(
        "SELECT epoch, last_seq FROM sealed_segment ORDER BY epoch DESC, last_seq DESC LIMIT 1"
    ).fetchone()
    after = Head(row[0], row[1], b"") if row else EMPTY
    rest = [e for e in read(db, identity.device_id, after, -1) if (e.epoch, e.seq) <= place]
    for sealed in seal_all(rest, identity.private_key):
        _keep_sealed(db, sealed)


def take_line(
    db: Connection,
    identity: Identity,
    at: Head,
    line: Sequence[Entry],
    sealed: Sequence[bytes],
    now_ms: int,
) -> None:
    """Entries that follow `at`, and the segments that hold them."""
    for entry in line:
        if entry.epoch != at.epoch or at == EMPTY:
            open_epoch(db, Head(entry.epoch, 0, at.hash), now_ms)
        insert_entry(db, entry, now_ms)
        _project(db, identity, entry)
        at = head_of(entry)
    for one in sealed:
        _keep_sealed(db, one)


def _keep_sealed(db: Connection, sealed: bytes) -> None:
    header = read_header(sealed)
    db.execute(
        "INSERT OR REPLACE INTO sealed_segment (epoch, first_seq, last_seq, sealed, sha256)"
        " VALUES (?,?,?,?,?)",
        (header.epoch, header.first_seq, header.last_seq, sealed, sealed_digest(sealed)),
    )


def fact_key_of(entry: Entry) -> tuple[Key, tuple[int, bytes]]:
    """What a fact is known by, and what it says. An unreadable one is known by its very bytes."""
    fact = _fact_of(entry)
    if fact is None:
        key: Key = (entry.kind, entry.schema, entry.recorded_at_ms, entry.body)
    else:
        key = fact_key(fact)
    return key, (entry.schema, entry.body)


def _move_behind_head(
    db: Connection, identity: Identity, aside: Sequence[Entry], known: Known, now_ms: int
) -> int:
    """Records again what was set aside, with its rows; how many entries."""
    count = 0
    for entry in aside:
        # Of a fact that is known already the rows are another entry's, perhaps at this very place.
        has_rows = fact_key_of(entry)[0] not in known
        new = _record_again(db, entry, known, now_ms)
        if new is not None:
            count += 1
            if has_rows and (fact := _fact_of(entry)) is not None:
                move_rows(db, _place(identity, entry), _place(identity, new), fact)
    return count


def _record_again(db: Connection, entry: Entry, known: Known, now_ms: int) -> Entry | None:
    """None where it was not: the same fact is not recorded twice, but another one that bears its
    identity is, so that a person learns of it; it has no rows."""
    key, says = fact_key_of(entry)
    if known.get(key) == says:
        return None
    known.setdefault(key, says)
    new = make_entry(
        entry.terminal,
        head(db),
        entry.kind,
        entry.schema,
        entry.recorded_at_ms,
        entry.business_date,
        entry.body,
    )
    # It waits since it was recorded, whatever became of its place.
    insert_entry(db, new, min(entry.recorded_at_ms, now_ms))
    return new


def settle_marks(db: Connection, keep: Head) -> None:
    """A watermark that names an entry of the line set aside goes back to what is still here."""
    for name in _MARKS:
        mark = watermarks.watermark(db, name)
        if mark != EMPTY and hash_at(db, mark.epoch, mark.seq) != mark.hash:
            watermarks.reset_watermark(db, name, keep, 0, None)


# --- Rows ---------------------------------------------------------------------------------------


def _fact_of(entry: Entry) -> Fact | None:
    try:
        return decode_fact(entry.kind, entry.schema, entry.body)
    except (UnknownKind, BodyUnreadable):
        return None


def _place(identity: Identity, entry: Entry) -> Place:
    return Place(identity.branch_id, entry.terminal, entry.epoch, entry.seq)


def _project(db: Connection, identity: Identity, entry: Entry) -> None:
    fact = _fact_of(entry)
    if fact is not None:
        add_first_rows(db, _place(identity, entry), fact)


def unproject(db: Connection, identity: Identity, entry: Entry) -> None:
    """Its rows, if it has any, are made anew when it is recorded again; another fact may come
    first by then."""
    fact = _fact_of(entry)
    if fact is not None:
        drop_own_rows(db, _place(identity, entry), fact)


# --- Notes for people ---------------------------------------------------------------------------


def restored(db: Connection) -> Restored | None:
    """What was done when this journal was put back last; None where it never was."""
    kept = state.get(db, RESTORED)
    return None if kept is None else msgspec.convert(kept, Restored)


def forked(db: Connection) -> Forked | None:
    """Since when another machine is known to write in this terminal's name; None: none is."""
    kept = state.get(db, FORK)
    return None if kept is None else msgspec.convert(kept, Forked)


def note_fork(db: Connection, note: Forked) -> None:
    """Remembers it: only the enrolment of one of the two machines ends it. Inside `writer()`."""
    state.put(db, FORK, note)
