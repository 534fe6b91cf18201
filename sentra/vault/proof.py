"""What a till has to prove next: from the last place that was proved to where it may be counted."""

from __future__ import annotations

from typing import Final

from sentra.proof import ENTRIES_MAX, Stretch
from sentra.protocol.entry import Head
from sentra.protocol.messages import ProofNote, note_of, sign_proof
from sentra.vault.driver import Connection
from sentra.vault.entries import head, holds, is_provisional, pruned_base, read
from sentra.vault.identity import Identity

EVERY_MS: Final = 24 * 60 * 60 * 1000
"""Entries older than this are proved, whether or not a shift was closed behind them."""


def proof_note(db: Connection, identity: Identity, base: Head, now_ms: int) -> ProofNote | None:
    """The next stretch behind `base`, counted and signed; None while there is nothing due.

    A journal that was put back proves nothing before its stores have said what it lost; nor one
    that does not hold `base`, nor one that forgot what follows it.
    """
    forgotten = pruned_base(db)
    if is_provisional(db) or not holds(db, base):
        return None
    if (base.epoch, base.seq) < (forgotten.epoch, forgotten.seq):
        return None
    end = _end(db, base, now_ms)
    if end is None:
        return None
    counted = Stretch(base)
    for entry in read(db, identity.device_id, base, ENTRIES_MAX):
        if (entry.epoch, entry.seq) > end:
            break
        counted.add(entry)
    note = ProofNote(
        terminal=identity.device_id,
        by=identity.device_id,
        base=note_of(base),
        head=note_of(counted.head),
        entries=counted.entries,
        tenders=dict(counted.tenders),
        at_ms=now_ms,
    )
    return sign_proof(identity.private_key, note)


def _end(db: Connection, base: Head, now_ms: int) -> tuple[int, int] | None:
    """The newest close of a shift behind a place; without one, the journal's end once a day."""
    closed = db.execute(
        "SELECT epoch, seq FROM journal_entry WHERE (epoch, seq) > (?, ?)"
        " AND kind = 'shift.closed' ORDER BY epoch DESC, seq DESC LIMIT 1",
        (base.epoch, base.seq),
    ).fetchone()
    if closed is not None:
        return int(closed[0]), int(closed[1])
    oldest = db.execute(
        "SELECT stored_at_ms FROM journal_entry WHERE (epoch, seq) > (?, ?)"
        " ORDER BY epoch, seq LIMIT 1",
        (base.epoch, base.seq),
    ).fetchone()
    if oldest is None or now_ms - oldest[0] < EVERY_MS:
        return None
    last = head(db)
    return last.epoch, last.seq
