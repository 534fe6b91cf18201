"""What needs a person: stored as an exception beside the facts, never a refusal of them.

The kinds are stable words; the back office has a sentence for each. `params` are that sentence's
values. The same thing found twice has the same `dedup_key` and stays one row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sentra.projection.aside import FACT_UNKNOWN
from sentra.protocol.entry import Entry, Head
from syncd.service.operations.journals import Delivery, Journal

PRODUCT_UNKNOWN: Final = "product-unknown"
STOCK_NEGATIVE: Final = "stock-negative"
DEVICE_REVOKED: Final = "device-revoked"
JOURNAL_FORK: Final = "journal-fork"
JOURNAL_RESTORED: Final = "journal-restored"
SUMS_OVERFLOW: Final = "sums-overflow"

REASON_LENGTH_MAX: Final = 300
"""Characters of a reason: a sentence or two, whatever a till wrote into a body."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the exceptions, without its id and time. `severity` is info, warning or error.

    `settled`: it is written down as resolved, for who looks it up; nobody has to do anything.
    """

    kind: str
    severity: str
    dedup_key: str
    terminal_id: str | None = None
    epoch: int | None = None
    seq: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a product was first named in a run."""

    entry: Entry
    code: str
    name: str


def set_aside(entry: Entry, kind: str, reason: str, *, settled: bool = False) -> Finding:
    """A fact that has no rows: its kind is new here, its body unreadable, or a row impossible."""
    return Finding(
        kind,
        "warning" if kind == FACT_UNKNOWN else "error",
        f"{kind}:{entry.terminal}:{entry.epoch}:{entry.seq}",
        entry.terminal,
        entry.epoch,
        entry.seq,
        {"fact": entry.kind, "schema": entry.schema, "reason": printable(reason)},
        settled,
    )


def product_unknown(product_id: str, mention: Mention) -> Finding:
    """A sale of a product that the back office never made."""
    return _of_product(PRODUCT_UNKNOWN, product_id, mention, product_id, {})


def stock_negative(product_id: str, mention: Mention, quantity_milli: int) -> Finding:
    """More was sold than was there; one a day for each product."""
    key = f"{product_id}:{mention.entry.business_date}"
    params = {"quantity_milli": quantity_milli}
    return _of_product(STOCK_NEGATIVE, product_id, mention, key, params)


def _of_product(
    kind: str, product_id: str, mention: Mention, key: str, params: dict[str, Any]
) -> Finding:
    named = {"product_id": product_id, "code": mention.code, "name": mention.name}
    entry = mention.entry
    return Finding(
        kind,
        "warning",
        f"{kind}:{key}",
        entry.terminal,
        entry.epoch,
        entry.seq,
        {**named, **params},
    )


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
