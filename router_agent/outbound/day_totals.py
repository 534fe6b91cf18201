"""What each terminal's journal sold on each day, as far as the ledger has read it.

Every function runs on a raw connection of the router's vault; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final

import msgspec

from router_agent.operations.sums import merge
from router_agent.outbound.bases import base_of
from sentra.protocol.branch import DaySums
from sentra.protocol.entry import EMPTY

DAYS_KEPT: Final = 62
"""Of each terminal: two months, which is more than its entries are kept."""


@dataclass(slots=True)
class Cursor:
    """Up to which entry one journal was read. `hash` is that entry's.

    `part_of`: of this business date and those before it a part alone was read; "" for none of
    them, None while nothing was read. `unread`: entries that could not be read. `begun_*`: the
    entry behind which reading began.
    """

    epoch: int = EMPTY.epoch
    seq: int = EMPTY.seq
    hash: bytes | None = None
    part_of: str | None = None
    unread: int = 0
    begun_epoch: int = EMPTY.epoch
    begun_seq: int = EMPTY.seq

    def has_whole(self, business_date: str) -> bool:
        """Whether all of a day up to the cursor was read."""
        return self.part_of is not None and self.part_of < business_date


def cursor_of(db: Any, terminal: str) -> Cursor | None:
    """None for a journal of which nothing was read."""
    row = db.execute(
        "SELECT epoch, seq, hash, part_of, unread, begun_epoch, begun_seq FROM ledger_cursor"
        " WHERE terminal = ?",
        (terminal,),
    ).fetchone()
    return None if row is None else Cursor(*row)


def start_of(db: Any, terminal: str) -> Cursor:
    """Where reading begins. Of the day in whose midst the base lies, a part alone is here."""
    base = base_of(db, terminal)
    part_of = "" if base == EMPTY else None
    return Cursor(part_of=part_of, begun_epoch=base.epoch, begun_seq=base.seq)


def put_cursor(db: Any, terminal: str, cursor: Cursor) -> None:
    """Everything up to it is written down."""
    row = (terminal, *astuple(cursor))
    db.execute("INSERT OR REPLACE INTO ledger_cursor VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def sums_of(db: Any, terminal: str, business_date: str) -> DaySums:
    """Of one journal on one day; all zero where it sold nothing."""
    row = db.execute(
        "SELECT sums FROM ledger_day WHERE terminal = ? AND business_date = ?",
        (terminal, business_date),
    ).fetchone()
    return DaySums() if row is None else msgspec.json.decode(row[0], type=DaySums)


def terminals_on(db: Any, business_date: str) -> set[str]:
    """Those that sold on a day."""
    query = "SELECT terminal FROM ledger_day WHERE business_date = ?"
    return {row[0] for row in db.execute(query, (business_date,)).fetchall()}


def add(db: Any, terminal: str, cursor: Cursor, days: Mapping[str, DaySums]) -> bool:
    """Counts more in; the oldest days go, which the cursor then knows. Whether a day began."""
    has_begun = False
    for date, sums in days.items():
        kept = sums_of(db, terminal, date)
        has_begun |= kept == DaySums()
        merge(kept, sums)
        row = (terminal, date, msgspec.json.encode(kept))
        db.execute("INSERT OR REPLACE INTO ledger_day VALUES (?, ?, ?)", row)
    oldest = db.execute(
        "SELECT business_date FROM ledger_day WHERE terminal = ?"
        " ORDER BY business_date DESC LIMIT 1 OFFSET ?",
        (terminal, DAYS_KEPT),
    ).fetchone()
    if oldest is not None:
        cursor.part_of = max(oldest[0], cursor.part_of or "")
        key = (terminal, oldest[0])
        db.execute("DELETE FROM ledger_day WHERE terminal = ? AND business_date <= ?", key)
    return has_begun
