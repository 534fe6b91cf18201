"""Checks everything that this vault can prove of its own journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sentra.projection.rows import Place, project
from sentra.projection.tables import SHARED
from sentra.protocol.entry import EMPTY, Entry, Head, first_broken, head_of
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import check_signature, open_segment
from sentra.vault.driver import Connection
from sentra.vault.entries import facts, hash_at, holds
from sentra.vault.identity import Identity
from sentra.vault.watermarks import watermark


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be.

    `kind` is chain, segment, signature, watermark, projection or unreadable; `epoch` and `seq`
    say where (0: the whole), `detail` what.
    """

    kind: str
    epoch: int
    seq: int
    detail: str


def verify(db: Connection, identity: Identity) -> list[Finding]:
    """Chain, gaps, sealed bytes, signatures, watermarks, and the projection against its rebuild."""
    return [
        *_chain(db, identity),
        *_segments(db, identity),
        *_watermarks(db),
        *_projection(db, identity),
    ]


def _chain(db: Connection, identity: Identity) -> Iterator[Finding]:
    """Each altered entry is named: behind a broken one, its stored hash is believed again."""
    before = EMPTY
    for entry, fact in facts(db, identity.device_id):
        if entry.epoch != before.epoch:
            before = _base(db, entry, before)
        if first_broken([entry], before) is not None:
            yield Finding("chain", entry.epoch, entry.seq, "it does not continue the one before")
        if fact is None:
            yield Finding("unreadable", entry.epoch, entry.seq, f"{entry.kind} {entry.schema}")
        before = head_of(entry)


def _base(db: Connection, entry: Entry, before: Head) -> Head:
    """What a new epoch chains to, which may be an entry that this copy of the journal lost."""
    return Head(before.epoch, before.seq, hash_at(db, entry.epoch, 0) or before.hash)


def _segments(db: Connection, identity: Identity) -> Iterator[Finding]:
    public = identity.private_key.public_key()
    rows = db.execute("SELECT epoch, first_seq, sealed FROM sealed_segment ORDER BY 1, 2")
    for epoch, first, sealed in rows.fetchall():
        try:
            header = check_signature(sealed, public)
            prev = hash_at(db, epoch, first - 1)
            if prev is None:
                yield Finding("segment", epoch, first, "there is no entry before it")
                continue
            open_segment(sealed, prev)
        except ProtocolError as error:
            yield Finding(
                "signature" if error.slug == "signature-wrong" else "segment",
                epoch,
                first,
                error.detail,
            )
            continue
        if hash_at(db, epoch, header.last_seq) != header.last_hash:
            yield Finding("segment", epoch, first, "it holds other entries than the journal")


def _watermarks(db: Connection) -> Iterator[Finding]:
    for (name,) in db.execute("SELECT name FROM watermark").fetchall():
        mark = watermark(db, name)
        if not holds(db, mark):
            yield Finding("watermark", mark.epoch, mark.seq, f"{name} names an entry not held here")


def _projection(db: Connection, identity: Identity) -> Iterator[Finding]:
    expected: Counter[str] = Counter()
    exists = {table.name: _exists_statement(table.name) for table in SHARED}
    for entry, fact in facts(db, identity.device_id):
        if fact is None:
            continue
        place = Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq)
        for table, row in project(place, fact):
            expected[table] += 1
            if db.execute(exists[table], row).fetchone() is None:
                yield Finding("projection", entry.epoch, entry.seq, f"its row in {table} differs")
    for shared in SHARED:
        count = db.execute(f'SELECT count(*) FROM "{shared.name}"').fetchone()[0]  # noqa: S608
        if count != expected[shared.name]:
            detail = f"{shared.name} has {count} rows, the journal gives {expected[shared.name]}"
            yield Finding("projection", 0, 0, detail)


def _exists_statement(name: str) -> str:
    table = next(table for table in SHARED if table.name == name)
    same = " AND ".join(f'"{column.name}" IS ?' for column in table.columns)
    return f'SELECT 1 FROM "{name}" WHERE {same}'  # noqa: S608
