"""The terminal's journal: facts appended with their rows, sealed for sending.

Reading is in `entries`, watermarks in `watermarks`, checking in `verify`; they are offered here
under one name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from sentra.events import Fact
from sentra.projection.rows import Place, project
from sentra.projection.tables import SHARED
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import BODY_BYTES_MAX, EMPTY, Entry, Head, make_entry
from sentra.protocol.segment import SegmentHeader, read_header, seal_all
from sentra.vault.driver import Connection
from sentra.vault.entries import entries, entry_of, facts, hash_at, head, holds, read
from sentra.vault.failures import FactTooLarge
from sentra.vault.identity import Identity, read_identity
from sentra.vault.verify import Finding, verify
from sentra.vault.watermarks import (
    Backlog,
    backlog,
    reset_watermark,
    set_watermark,
    watermark,
)

__all__ = [
    "HEAD_FILE",
    "SEAL_ENTRIES_MAX",
    "Backlog",
    "Finding",
    "append",
    "backlog",
    "entries",
    "entry_of",
    "facts",
    "hash_at",
    "head",
    "holds",
    "open_epoch",
    "parcels_after",
    "project_all",
    "read_head_file",
    "reset_watermark",
    "seal_pending",
    "set_watermark",
    "unsealed",
    "verify",
    "was_put_back",
    "watermark",
    "write_head_file",
]

SEAL_ENTRIES_MAX: Final = 20_000
"""Entries sealed in one transaction: ten full segments, a fifth of a second."""

HEAD_FILE: Final = "head.json"

_INSERT_ENTRY: Final = """
INSERT INTO journal_entry (
    epoch, seq, kind, schema, recorded_at_ms, business_date, body, hash, stored_at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_INSERTS: Final = {
    table.name: 'INSERT INTO "{}" ({}) VALUES ({})'.format(  # noqa: S608 - our own names
        table.name,
        ", ".join(column.name for column in table.columns),
        ", ".join("?" for _ in table.columns),
    )
    for table in SHARED
}


class _HeadFile(msgspec.Struct, frozen=True):
    epoch: int
    seq: int
    hash: str


# --- Writing ------------------------------------------------------------------------------------


def append(
    db: Connection, identity: Identity, fact: Fact, now_ms: int, stored_at_ms: int | None = None
) -> Entry:
    """Appends the fact and its projection rows; durable when the caller's `writer()` ends.

    `stored_at_ms` is when it came into this vault, from which it waits, where that is not `now_ms`:
    a replayed ticket keeps its own time and has waited since the replay.

    Raises FactTooLarge, and the driver's IntegrityError where the fact's identity was used
    before: the caller's transaction is then undone as a whole.
    """
    kind, schema, body = encode_fact(fact)
    if len(body) > BODY_BYTES_MAX:
        raise FactTooLarge(size_bytes=len(body))
    before = head(db)
    if before == EMPTY:
        open_epoch(db, before, now_ms)
    entry = make_entry(identity.device_id, before, kind, schema, now_ms, fact.business_date, body)
    db.execute(
        _INSERT_ENTRY,
        (
            entry.epoch,
            entry.seq,
            kind,
            schema,
            now_ms,
            fact.business_date,
            body,
            entry.hash,
            now_ms if stored_at_ms is None else stored_at_ms,
        ),
    )
    _project(db, Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq), fact)
    return entry


def open_epoch(db: Connection, base: Head, at_ms: int) -> None:
    """Opens `base.epoch`, whose first entry chains to `base.hash`; `base.seq` must be 0."""
    row = (base.epoch, base.hash, at_ms)
    db.execute(
        "INSERT OR IGNORE INTO journal_epoch (epoch, base_hash, opened_at_ms) VALUES (?,?,?)", row
    )


def _project(db: Connection, place: Place, fact: Fact) -> None:
    for table, row in project(place, fact):
        db.execute(_INSERTS[table], row)


def project_all(db: Connection) -> None:
    """Fills the empty projection tables from the journal; what this version cannot read is left."""
    identity = read_identity(db)
    if identity is None:
        return
    for entry, fact in facts(db, identity.device_id):
        if fact is not None:
            _project(
                db, Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq), fact
            )


# --- Sending ------------------------------------------------------------------------------------


def seal_pending(db: Connection, identity: Identity) -> int:
    """Seals what no segment holds yet, at most SEAL_ENTRIES_MAX entries; returns how many.

    Call it inside `writer()`, when about to send: what waits long makes large segments.
    """
    pending = list(read(db, identity.device_id, _sealed_up_to(db), SEAL_ENTRIES_MAX))
    for sealed in seal_all(pending, identity.private_key):
        header = read_header(sealed)
        db.execute(
            "INSERT INTO sealed_segment (epoch, first_seq, last_seq, sealed) VALUES (?,?,?,?)",
            (header.epoch, header.first_seq, header.last_seq, sealed),
        )
    return len(pending)


def unsealed(db: Connection) -> bool:
    """Whether any entry is in no segment yet."""
    end, done = head(db), _sealed_up_to(db)
    return end.seq > 0 and (end.epoch, end.seq) > (done.epoch, done.seq)


def _sealed_up_to(db: Connection) -> Head:
    row = db.execute(
        "SELECT epoch, last_seq FROM sealed_segment ORDER BY epoch DESC, first_seq DESC LIMIT 1"
    ).fetchone()
    return Head(row[0], row[1], b"") if row else EMPTY


def parcels_after(
    db: Connection, head: Head, bytes_max: int, segments_max: int
) -> list[tuple[SegmentHeader, bytes]]:
    """Sealed segments that reach beyond a head, oldest first, within both limits.

    The first comes even when it is larger than `bytes_max`, so that nothing can wait for ever.
    It may begin before the head: the receiver skips what it has.
    """
    rows = db.execute(
        "SELECT sealed FROM sealed_segment WHERE (epoch, last_seq) > (?, ?)"
        " ORDER BY epoch, first_seq LIMIT ?",
        (head.epoch, head.seq, segments_max),
    )
    parcels: list[tuple[SegmentHeader, bytes]] = []
    size = 0
    for (sealed,) in rows:
        size += len(sealed)
        if parcels and size > bytes_max:
            break
        parcels.append((read_header(sealed), sealed))
    return parcels


# --- The head outside the database --------------------------------------------------------------


def write_head_file(folder: Path, head: Head) -> None:
    """Notes the head beside the database, after the commit, atomically.

    Not synced to disk on its own: it is evidence against an old copy put back, not against a
    power cut, and a head that is a little old proves nothing wrong.
    """
    unfinished = folder / (HEAD_FILE + ".new")
    unfinished.write_bytes(msgspec.json.encode(_HeadFile(head.epoch, head.seq, head.hash.hex())))
    unfinished.replace(folder / HEAD_FILE)


def read_head_file(folder: Path) -> Head | None:
    """The head noted beside the database; None where there is none that can be read."""
    try:
        noted = msgspec.json.decode((folder / HEAD_FILE).read_bytes(), type=_HeadFile)
        return Head(noted.epoch, noted.seq, bytes.fromhex(noted.hash))
    except (OSError, ValueError, msgspec.DecodeError):
        return None


def was_put_back(db: Connection, folder: Path) -> bool:
    """Whether this database is an older copy: the noted head is one that it never had."""
    noted = read_head_file(folder)
    return noted is not None and not holds(db, noted)
