"""The terminal's own series of receipt numbers, given out inside the fact's own transaction.

So a number is never given twice and never lost: a transaction that is undone takes its number
back, and a void that burns one is a fact that says so.
"""

from __future__ import annotations

from typing import Final

from pos_shell.till import Book
from sentra.domain.receipt_number import next_receipt_number
from sentra.vault import journal, state

LAST_NUMBER: Final = "receipt/last"


def take_number(book: Book, business_date: str) -> str:
    """The next receipt number of the terminal, kept as the last one."""
    identity = book.identity
    number = next_receipt_number(
        state.get(book.db, LAST_NUMBER),
        identity.branch_code,
        identity.number,
        business_date,
        journal.head(book.db).epoch,
    )
    state.put(book.db, LAST_NUMBER, number)
    return number
