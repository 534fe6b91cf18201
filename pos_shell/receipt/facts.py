"""Earlier sales and refunds as the facts that the journal holds, found by id or by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sentra.domain.errors import DomainError
from sentra.domain.receipt_number import ReceiptNumberWrong, parse_receipt_number
from sentra.events import RefundCompleted, SaleCompleted
from sentra.protocol.bodies import decode_fact
from sentra.protocol.entry import Entry
from sentra.vault import journal
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity

FOUND_MAX: Final = 100
"""Receipts in one list; an older one is found by its number."""


class ReceiptMissing(DomainError):
    """A receipt that this terminal did not write."""

    code = "receipt-missing"
    sentence = (
        "This till has no receipt “%(number)s”. Look at the number again, or at another till."
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """One sale or refund in a list; a refund's total is negative."""

    sale_id: str
    kind: str
    receipt_number: str
    completed_at_ms: int
    cashier_name: str
    line_count: int
    total: int
    rounding: int
    currency: str
    change: int

    @property
    def paid(self) -> int:
        """What was paid after cash rounding, in minor units."""
        return self.total + self.rounding


_LISTED: Final = (
    "SELECT sale_id, kind, receipt_number, completed_at_ms, cashier_name, line_count, total,"
    " rounding, currency, (SELECT coalesce(sum(change_given), 0) FROM tender t"
    " WHERE t.branch_id = sale.branch_id AND t.sale_id = sale.sale_id)"
    " FROM sale WHERE branch_id = ? AND terminal_id = ?"
)


def recorded(
    db: Connection, identity: Identity, sale_id: str
) -> tuple[Entry, SaleCompleted | RefundCompleted]:
    """The entry and the fact of a sale or refund.

    Raises:
        ReceiptMissing: this terminal has none of that id.
    """
    row = db.execute(
        "SELECT epoch, seq FROM sale WHERE branch_id = ? AND sale_id = ?",
        (identity.branch_id, sale_id),
    ).fetchone()
    entry = journal.entry_of(db, *row) if row is not None else None
    if entry is None:
        raise ReceiptMissing(number=sale_id)
    fact = decode_fact(entry.kind, entry.schema, entry.body)
    if not isinstance(fact, SaleCompleted | RefundCompleted):
        raise ReceiptMissing(number=sale_id)
    return entry, fact


def refunds_of(db: Connection, identity: Identity, sale_id: str) -> Sequence[RefundCompleted]:
    """Every refund of a sale that this terminal wrote, oldest first."""
    rows = db.execute(
        "SELECT sale_id FROM sale WHERE branch_id = ? AND original_sale_id = ? ORDER BY seq",
        (identity.branch_id, sale_id),
    ).fetchall()
    facts = [recorded(db, identity, refund_id)[1] for (refund_id,) in rows]
    return [fact for fact in facts if isinstance(fact, RefundCompleted)]


def find_receipts(db: Connection, identity: Identity, asked: str) -> Sequence[Listed]:
    """Receipts whose number ends with what was asked, newest first; all of them for nothing."""
    key = (identity.branch_id, identity.device_id)
    text = asked.strip().upper()
    if not text:
        rows = db.execute(f"{_LISTED} ORDER BY completed_at_ms DESC LIMIT ?", (*key, FOUND_MAX))
        return [Listed(*row) for row in rows]
    try:
        parse_receipt_number(text)
        where, value = "receipt_number = ?", text
    except ReceiptNumberWrong:
        escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        where, value = r"receipt_number LIKE ? ESCAPE '\'", f"%{escaped}%"
    rows = db.execute(
        f"{_LISTED} AND {where} ORDER BY completed_at_ms DESC LIMIT ?", (*key, value, FOUND_MAX)
    )
    return [Listed(*row) for row in rows]


def last_receipt(db: Connection, identity: Identity) -> Listed | None:
    """What this terminal completed last, by the journal's order."""
    row = db.execute(
        f"{_LISTED} ORDER BY epoch DESC, seq DESC LIMIT 1", (identity.branch_id, identity.device_id)
    ).fetchone()
    return None if row is None else Listed(*row)
