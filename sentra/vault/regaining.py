"""A long line is taken up in short transactions, while somebody sells on.

`sentra.vault.epochs.regain` does all in one, which for a year's journal takes half a minute. What
is long is the fetched line, and it can be taken up by and by: once everything of this vault's own
stands in a provisional epoch behind it, the journal is after each portion what an older copy would
be. A power cut leaves it so; what is not here yet is fetched again at the next hello.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from sentra.protocol.entry import EMPTY, Entry, Head, head_of
from sentra.protocol.segment import read_header
from sentra.vault import epochs, state
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.entries import head, is_provisional, read
from sentra.vault.epochs import REGAINING, Key, Known, Regained, Restored
from sentra.vault.head_file import write_head_file
from sentra.vault.identity import Identity

ENTRIES_AT_ONCE: Final = 100
"""Entries taken up in one transaction: some 20 ms."""


class _Since(msgspec.Struct, frozen=True, kw_only=True):
    """Where the line parted from the own one, kept until all of it is here."""

    epoch: int
    seq: int


def regain_in_steps(
    vault: Vault,
    identity: Identity,
    found: Regained,
    now_ms: int,
    give_way: Callable[[], None],
) -> Restored:
    """As `epochs.regain`, with `give_way` behind each transaction.

    1. What the own line has behind `keep` moves to a provisional epoch, where the till sells on.
    2. The fetched line is taken up, a portion at a time.
    3. The next epoch is opened, and what the provisional one has is recorded again there.
    """
    with vault.writer() as db:
        is_short = len(found.line) <= ENTRIES_AT_ONCE and state.get(db, REGAINING) is None
        if is_short:
            return epochs.regain(db, identity, found, now_ms)
        since = _make_way(db, identity, found, now_ms)
        end = head(db)
    with vault.reader() as db:
        doubled = _doubled(db, identity, found)
    write_head_file(vault.folder, end)
    at = found.keep
    for line, sealed in _portions(found):
        give_way()
        with vault.writer() as db:
            for key in doubled.keys() & {epochs.fact_key_of(one)[0] for one in line}:
                # From now on the rows are the line's.
                epochs.unproject(db, identity, doubled[key])
            epochs.take_line(db, identity, at, line, sealed, now_ms)
        at = head_of(line[-1])
    give_way()
    rest = replace(found, keep=at, line=(), sealed=(), epochs=_highest(found))
    with vault.reader() as db:
        known = _known(db, identity, since, at)
    with vault.writer() as db:
        done = epochs.regain(db, identity, rest, now_ms, known)
        done = msgspec.structs.replace(done, fetched=done.fetched + len(found.line))
        state.put(db, epochs.RESTORED, done)
    return done


def _make_way(db: Connection, identity: Identity, found: Regained, now_ms: int) -> Head:
    """Nothing of this vault's own stands where the line will; where the two parted at first."""
    own = head(db)
    own_line = [one for one in read(db, identity.device_id, found.keep, -1) if _settled(db, one)]
    if own_line or not is_provisional(db) or own.epoch <= _highest(found):
        epochs.move_behind(db, identity, replace(found, epochs=_highest(found)), now_ms)
    else:
        epochs.cut_segments(db, identity, found)
    epochs.settle_marks(db, found.keep)
    kept = state.get(db, REGAINING)
    before = Head(kept["epoch"], kept["seq"], b"") if kept else found.since
    since = min(before, found.since, key=lambda one: (one.epoch, one.seq))
    state.put(db, REGAINING, _Since(epoch=since.epoch, seq=since.seq))
    return since


def _settled(db: Connection, entry: Entry) -> bool:
    query = "SELECT provisional FROM journal_epoch WHERE epoch = ?"
    return not db.execute(query, (entry.epoch,)).fetchone()[0]


def _doubled(db: Connection, identity: Identity, found: Regained) -> dict[Key, Entry]:
    """The first own entry that has rows of each fact that the line has too."""
    own: dict[Key, Entry] = {}
    for entry in read(db, identity.device_id, found.keep, -1):
        own.setdefault(epochs.fact_key_of(entry)[0], entry)
    if not own:
        return own
    return {key: own[key] for one in found.line if (key := epochs.fact_key_of(one)[0]) in own}


def _highest(found: Regained) -> int:
    return max(found.epochs, *(one.epoch for one in (*found.line[-1:], *found.lost[-1:])), 1)


def _portions(found: Regained) -> Iterator[tuple[Sequence[Entry], Sequence[bytes]]]:
    """Entries, and the segments that end with them or before."""
    ends = [(read_header(one), one) for one in found.sealed]
    for start in range(0, len(found.line), ENTRIES_AT_ONCE):
        line = found.line[start : start + ENTRIES_AT_ONCE]
        last = (line[-1].epoch, line[-1].seq)
        done = [one for header, one in ends if (header.epoch, header.last_seq) <= last]
        ends = ends[len(done) :]
        yield line, done


def _known(db: Connection, identity: Identity, since: Head, end: Head) -> Known:
    """The facts of the line, so far as it stands behind where the two parted."""
    after = EMPTY if since.epoch == 0 else since
    line = read(db, identity.device_id, after, -1)
    places = (one for one in line if (one.epoch, one.seq) <= (end.epoch, end.seq))
    return dict(map(epochs.fact_key_of, places))
