"""What an append finds that needs a person, besides what facts say of products."""

from __future__ import annotations

from typing import Final

from sentra.projection import aside
from sentra.projection.findings import Finding
from sentra.protocol.entry import Entry, Head
from syncd.service.operations.journals import Delivery, Journal

DEVICE_REVOKED: Final = "device-revoked"
JOURNAL_FORK: Final = "journal-fork"
JOURNAL_RESTORED: Final = "journal-restored"
SUMS_OVERFLOW: Final = "sums-overflow"

REASON_LENGTH_MAX: Final = 300
"""Characters of a reason: a sentence or two, whatever a till wrote into a body."""


def set_aside(entry: Entry, kind: str, reason: str, *, settled: bool = False) -> Finding:
    """A fact that has no rows: its kind is new here, its body unreadable, or a row impossible."""
    terminal, epoch, seq, body = aside.named(entry)
    params = {"fact": entry.kind, "schema": entry.schema, "reason": printable(reason)}
    key = f"{kind}:{terminal}:{epoch}:{seq}"
    if body:
        params[aside.BODY], key = body, f"{key}:{body}"
    severity = "warning" if kind == aside.FACT_UNKNOWN else "error"
    return Finding(kind, severity, key, terminal, epoch, seq, params, settled)


def device_revoked(journal: Journal) -> Finding:
    """Facts came from a device that was revoked."""
    return Finding(
        DEVICE_REVOKED,
        "warning",
        f"{DEVICE_REVOKED}:{journal.terminal_id}",
        journal.terminal_id,
        params={"entries": journal.appended},
    )


def journal_fork(journal: Journal, delivery: Delivery, carrier_id: str) -> Finding:
    """Two machines write one journal: both lines are kept, one of them in the fork lane."""
    header = delivery.header
    return Finding(
        JOURNAL_FORK,
        "error",
        f"{JOURNAL_FORK}:{header.terminal}:{header.epoch}",
        header.terminal,
        header.epoch,
        header.first_seq,
        {
            "first_seq": header.first_seq,
            "last_seq": header.last_seq,
            "last_hash": header.last_hash.hex(),
            "head_hash": journal.head.hash.hex() if journal.head else "",
            "carrier": carrier_id,
        },
    )


def journal_restored(journal: Journal, before: Head) -> Finding:
    """A terminal was put back to an old copy, and goes on in another epoch."""
    epoch = journal.head.epoch if journal.head else 0
    return Finding(
        JOURNAL_RESTORED,
        "warning",
        f"{JOURNAL_RESTORED}:{journal.terminal_id}:{epoch}",
        journal.terminal_id,
        epoch,
        1,
        {"before_epoch": before.epoch, "before_seq": before.seq, "new_epoch": epoch},
    )


def printable(text: str) -> str:
    """Text that PostgreSQL's JSON takes: no NUL, no half of a surrogate pair, not endless."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "␀")
    return clean[:REASON_LENGTH_MAX]
