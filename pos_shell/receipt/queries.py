"""Reads of receipts: the list, and one as the screen and the paper show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pos_shell.receipt.facts import (
    Listed,
    ReceiptMissing,
    find_receipts,
    recorded,
    refunds_of,
)
from pos_shell.receipt.layout import Row, rows_of
from pos_shell.refund.sales import RefundSale, find_elsewhere
from pos_shell.till import Till
from sentra.domain.receipt import Receipt, refund_receipt, sale_receipt
from sentra.domain.receipt_number import ReceiptNumberWrong, parse_receipt_number
from sentra.events import RefundCompleted, SaleCompleted
from sentra.protocol.entry import Entry
from sentra.vault import catalogue
from sentra.vault.driver import Connection
from sentra.vault.watermarks import watermark


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where an entry has arrived, by the heads that were acknowledged."""

    router: bool
    cloud: bool


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """One receipt with its journal entry. `change` is what was handed back, in minor units."""

    receipt: Receipt
    rows: Sequence[Row]
    sale_id: str
    entry: Entry
    arrival: Arrival
    change: int
    paid: int
    refundable: bool
    refunds: Sequence[RefundCompleted]


@dataclass(frozen=True, slots=True)
class ReceiptList:
    """What was found for what was asked.

    `elsewhere` is a sale of another till, by its whole number; `is_silent`: it was looked for, and
    the router did not answer.
    """

    asked: str
    found: Sequence[Listed]
    zone: str
    elsewhere: RefundSale | None = None
    is_silent: bool = False


def receipt_page(till: Till, sale_id: str, *, copy: bool = False) -> ReceiptPage:
    """The receipt of a sale or a refund.

    Raises:
        ReceiptMissing: this terminal wrote none of that id.
    """
    identity = till.identity
    with till.vault.reader() as db:
        entry, fact = recorded(db, identity, sale_id)
        branch = catalogue.branch(db)
        refunds = refunds_of(db, identity, sale_id)
        arrival = Arrival(_covers(db, "router", entry), _covers(db, "cloud", entry))
    short = entry.hash.hex()
    if isinstance(fact, SaleCompleted):
        receipt = sale_receipt(fact, branch, identity.company_name, short_hash=short, copy=copy)
        change = sum(tender.change for tender in fact.tenders)
    else:
        receipt = refund_receipt(fact, branch, identity.company_name, short_hash=short, copy=copy)
        change = 0
    return ReceiptPage(
        receipt=receipt,
        rows=rows_of(receipt),
        sale_id=sale_id,
        entry=entry,
        arrival=arrival,
        change=change,
        paid=fact.total + fact.rounding,
        refundable=isinstance(fact, SaleCompleted),
        refunds=refunds,
    )


def _covers(db: Connection, name: str, entry: Entry) -> bool:
    mark = watermark(db, name)
    return (entry.epoch, entry.seq) <= (mark.epoch, mark.seq)


def receipt_list(till: Till, asked: str) -> ReceiptList:
    """This terminal's receipts, newest first, narrowed down by (part of) a number."""
    identity = till.identity
    with till.vault.reader() as db:
        found = ReceiptList(asked, find_receipts(db, identity, asked), identity.zone)
    return found if found.found else _elsewhere(till, found)


def _elsewhere(till: Till, nothing: ReceiptList) -> ReceiptList:
    """A whole number that this till did not write may stand on a receipt of another."""
    try:
        number = parse_receipt_number(nothing.asked.strip().upper())
        sale = find_elsewhere(till, str(number))
    except (ReceiptNumberWrong, ReceiptMissing):
        return nothing
    return replace(nothing, elsewhere=sale, is_silent=sale is None)
