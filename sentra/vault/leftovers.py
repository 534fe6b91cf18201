"""What was forgotten and still lies before the journal's base: dropped by and by.

A shift is forgotten in one short transaction, which moves the base and takes the segments. Its
entries and their rows go behind it, a portion at a time, oldest first, so that nobody who sells
waits for them. Until they are gone they are no part of the journal; they chain from the last one
dropped, and their rows are theirs, so that `verify` can still prove every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sentra.events import Fact
from sentra.projection.rows import Place
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import Entry, Head, head_of
from sentra.vault.driver import Connection
from sentra.vault.entries import dropped_up_to, highest_epoch, note_dropped, pruned_base, read_all
from sentra.vault.identity import Identity
from sentra.vault.rows import RowKeys, add_first_rows, drop_rows, fact_key, row_keys

ENTRIES_AT_ONCE: Final = 200
"""Entries dropped in one transaction: some 30 ms."""


@dataclass(frozen=True, slots=True)
class Portion:
    """The oldest entries that were forgotten, up to `end`. Their readable facts have rows at
    `rows`; `seconds` are the same facts recorded again later, which count from now on."""

    end: Head
    rows: RowKeys
    seconds: Sequence[tuple[Place, Fact]]
    is_last: bool


def next_portion(db: Connection, identity: Identity) -> Portion | None:
    """What goes next; reads only. None where nothing is left over."""
    after = dropped_up_to(db)
    if after is None:
        return None
    base = pruned_base(db)
    going = list(islice(read_all(db, identity.device_id, after, -1), ENTRIES_AT_ONCE))
    going = [one for one in going if (one.epoch, one.seq) <= (base.epoch, base.seq)]
    end = head_of(going[-1]) if going else base
    facts = list(_facts(identity, going))
    rows: RowKeys = set().union(*(row_keys(place, fact) for place, fact in facts))
    keys = {fact_key(fact) for _, fact in facts}
    return Portion(end, rows, list(_seconds(db, identity, end, keys)), end == base)


def drop(db: Connection, found: Portion) -> None:
    """Drops a portion, inside `writer()`."""
    drop_rows(db, found.rows)
    place = (found.end.epoch, found.end.seq)
    db.execute("DELETE FROM journal_entry WHERE (epoch, seq) <= (?, ?)", place)
    note_dropped(db, None if found.is_last else found.end)
    for at, fact in found.seconds:
        add_first_rows(db, at, fact)


def _seconds(
    db: Connection, identity: Identity, end: Head, keys: set[tuple[str, str]]
) -> Iterator[tuple[Place, Fact]]:
    """In a journal that was put back a fact may stand twice; now the later one counts."""
    if highest_epoch(db) == 1:
        return
    for at, fact in _facts(identity, read_all(db, identity.device_id, end, -1)):
        if fact_key(fact) in keys:
            yield at, fact


def _facts(identity: Identity, entries: Iterable[Entry]) -> Iterator[tuple[Place, Fact]]:
    for entry in entries:
        try:
            fact = decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            continue
        yield Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq), fact
