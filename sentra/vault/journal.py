"""The terminal's journal: facts appended with their rows, sealed for sending.

Reading is in `entries`, watermarks in `watermarks`, checking in `verify`; they are offered here
under one name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentra.events import Fact
from sentra.projection.rows import Place
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import BODY_BYTES_MAX, EMPTY, Entry, Head, make_entry
from sentra.protocol.segment import SegmentHeader, read_header, seal_all, sealed_digest
from sentra.vault.driver import Connection
from sentra.vault.entries import (
    entries,
    entry_of,
    facts,
    hash_at,
    head,
    highest_epoch,
    holds,
    is_provisional,
    pruned_base,
    read,
)
from sentra.vault.failures import FactTooLarge
from sentra.vault.head_file import (
    HEAD_FILE,
    read_head_file,
    sync_head_file,
    was_put_back,
    write_head_file,
)
from sentra.vault.identity import Identity, read_identity
from sentra.vault.rows import add_first_rows, add_rows
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
    "Sealing",
    "append",
    "backlog",
    "entries",
    "entry_of",
    "facts",
    "hash_at",
    "head",
    "highest_epoch",
    "holds",
    "insert_entry",
    "is_provisional",
    "keep_sealing",
    "open_epoch",
    "parcels_after",
    "project_all",
    "read_head_file",
    "reset_watermark",
    "seal_pending",
    "sealing",
    "set_watermark",
    "sync_head_file",
    "unsealed",
    "verify",
    "was_put_back",
    "watermark",
    "write_head_file",
]

SEAL_ENTRIES_MAX: Final = 20_000
"""Entries sealed at once: ten full segments, a fifth of a second."""

_INSERT_ENTRY: Final = """
INSERT INTO journal_entry (
    epoch, seq, kind, schema, recorded_at_ms, business_date, body, hash, stored_at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

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
    insert_entry(db, entry, now_ms if stored_at_ms is None else stored_at_ms)
    add_rows(db, Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq), fact)
    return entry


def insert_entry(db: Connection, entry: Entry, stored_at_ms: int) -> None:
    """The entry alone, which must follow the head. `stored_at_ms`: from when it waits here."""
    db.execute(
        _INSERT_ENTRY,
        (
            entry.epoch,
            entry.seq,
            entry.kind,
            entry.schema,
            entry.recorded_at_ms,
            entry.business_date,
            entry.body,
            entry.hash,
            stored_at_ms,
        ),
    )


def open_epoch(db: Connection, base: Head, at_ms: int, *, provisional: bool = False) -> None:
    """Opens `base.epoch`, whose first entry chains to `base.hash`; `base.seq` must be 0.

    Nothing of a provisional epoch is sealed: what it chains to is not here.
    """
    db.execute(
        "INSERT OR IGNORE INTO journal_epoch (epoch, base_hash, opened_at_ms, provisional)"
        " VALUES (?,?,?,?)",
        (base.epoch, base.hash, at_ms, provisional),
    )


def project_all(db: Connection) -> None:
    """Fills the empty projection tables from the journal; what this version cannot read is left."""
    identity = read_identity(db)
    if identity is None:
        return
    # Only a journal that was put back can hold a fact's identity twice.
    add = add_rows if highest_epoch(db) == 1 else add_first_rows
    for entry, fact in facts(db, identity.device_id):
        if fact is not None:
            add(db, Place(identity.branch_id, identity.device_id, entry.epoch, entry.seq), fact)


# --- Sending ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sealing:
    """Segments of what no segment held yet, the `count` entries behind `after`."""

    after: Head
    sealed: Sequence[bytes]
    count: int


def sealing(db: Connection, identity: Identity) -> Sealing | None:
    """Seals at most SEAL_ENTRIES_MAX entries beside whoever writes; None where there are none."""
    if not unsealed(db):
        return None
    after = _sealed_up_to(db)
    pending = list(read(db, identity.device_id, after, SEAL_ENTRIES_MAX))
    return Sealing(after, tuple(seal_all(pending, identity.private_key)), len(pending))


def keep_sealing(db: Connection, made: Sealing) -> int:
    """Keeps the segments, inside `writer()`; how many entries they hold. None where somebody else
    sealed meanwhile, or the journal was found to be put back."""
    if is_provisional(db) or _sealed_up_to(db) != made.after:
        return 0
    for sealed in made.sealed:
        header = read_header(sealed)
        db.execute(
            "INSERT INTO sealed_segment (epoch, first_seq, last_seq, sealed, sha256)"
            " VALUES (?,?,?,?,?)",
            (header.epoch, header.first_seq, header.last_seq, sealed, sealed_digest(sealed)),
        )
    return made.count


def seal_pending(db: Connection, identity: Identity) -> int:
    """Both in one; inside `writer()`, when about to send: what waits long makes large segments."""
    made = sealing(db, identity)
    return 0 if made is None else keep_sealing(db, made)


def unsealed(db: Connection) -> bool:
    """Whether any entry is in no segment yet and may be sealed."""
    done = _sealed_up_to(db)
    query = "SELECT 1 FROM journal_entry WHERE (epoch, seq) > (?, ?) LIMIT 1"
    waits = db.execute(query, (done.epoch, done.seq)).fetchone() is not None
    return waits and not is_provisional(db)


def _sealed_up_to(db: Connection) -> Head:
    row = db.execute(
        "SELECT epoch, last_seq FROM sealed_segment ORDER BY epoch DESC, first_seq DESC LIMIT 1"
    ).fetchone()
    return Head(row[0], row[1], b"") if row else pruned_base(db)


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
