"""Giving back part of a sale, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from pos_shell.receipt.facts import ReceiptMissing, recorded, refunds_of
from pos_shell.receipt.numbers import take_number
from pos_shell.shift.queries import counter
from pos_shell.till import Till
from sentra.domain.errors import ApprovalNeeded
from sentra.domain.payment import Offer
from sentra.domain.permission import Permission, may
from sentra.domain.refund import (
    RefundQuote,
    Wanted,
    complete_refund,
    quote_refund,
    settle_refund,
)
from sentra.domain.rounding import rounding_of
from sentra.events import Person, SaleCompleted
from sentra.ids import is_id
from sentra.vault import catalogue
from sentra.vault.driver import Connection


def refund_sale(
    till: Till,
    person: Person,
    sale_id: str,
    wanted: Sequence[Wanted],
    *,
    refund_id: str,
    reason: str,
    kind: str = "cash",
    reference: str | None = None,
    approved_by: str | None = None,
) -> str:
    """Give back lines of a sale and pay them out by one kind of tender; returns the refund's id.

    `refund_id` is minted when the form is shown: a second call with it records nothing.

    Raises:
        ApprovalNeeded: neither the person nor anybody else with the permission approved.
        ReceiptMissing, ShiftNotOpen, NothingToRefund, RefundTooMuch, ReasonMissing, …
    """
    with till.book() as book:
        identity = book.identity
        if not is_id(refund_id):
            raise ReceiptMissing(number=refund_id[:40])
        if _is_done(book.db, identity.branch_id, refund_id):
            return refund_id
        at = counter(book.db, identity, person)
        if approved_by is None and not may(person.roles, Permission.REFUND_APPROVE):
            raise ApprovalNeeded()
        sale = _sale(till, book.db, sale_id)
        quote = quote_refund(sale, refunds_of(book.db, identity, sale_id), wanted)
        others = [] if kind == "cash" else [Offer(kind, quote.total, reference)]
        rule = rounding_of(catalogue.branch(book.db))
        refund = complete_refund(
            sale,
            quote,
            settle_refund(quote.total, others, rule),
            at,
            refund_id=refund_id,
            receipt_number=take_number(book, at.business_date),
            opened_at_ms=book.now_ms,
            completed_at_ms=book.now_ms,
            reason=reason,
            approved_by=approved_by,
        )
        book.record(refund)
    return refund_id


def quote(till: Till, sale_id: str, wanted: Sequence[Wanted]) -> RefundQuote:
    """What the wanted lines would give back; writes nothing.

    Raises:
        ReceiptMissing, NothingToRefund, NotRefundable, RefundTooMuch: as they say.
    """
    with till.vault.reader() as db:
        sale = _sale(till, db, sale_id)
        return quote_refund(sale, refunds_of(db, till.identity, sale_id), wanted)


def _sale(till: Till, db: Connection, sale_id: str) -> SaleCompleted:
    _entry, fact = recorded(db, till.identity, sale_id)
    if not isinstance(fact, SaleCompleted):
        raise ReceiptMissing(number=fact.receipt_number)
    return fact


def _is_done(db: Connection, branch_id: str, refund_id: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM sale WHERE branch_id = ? AND sale_id = ?", (branch_id, refund_id)
    ).fetchone()
    return row is not None
