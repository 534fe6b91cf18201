"""Giving back part of a sale, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from pos_shell.branch import ask_router
from pos_shell.receipt.facts import ReceiptMissing
from pos_shell.receipt.numbers import take_number
from pos_shell.refund.sales import read_sale
from pos_shell.shift.queries import counter
from pos_shell.till import Till
from sentra.domain.errors import ApprovalNeeded, DomainError
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
from sentra.events import Person
from sentra.ids import is_id
from sentra.protocol.branch import REFUND_CLAIM, RefundClaim
from sentra.vault import catalogue
from sentra.vault.driver import Connection


class RefundClaimed(DomainError):
    """Another till of the branch gives back the same goods, or has."""

    code = "refund-claimed"
    sentence = (
        "Some of this was given back at another till, or is being given back there now. Look at "
        "what is left."
    )


class RefundUnclaimed(ApprovalNeeded):
    """A sale of another till, and no router that could say what is left of it."""

    code = "refund-unclaimed"
    sentence = (
        "The router does not answer, so nobody knows what was given back at other tills. A "
        "supervisor's PIN lets the refund go on; the back office checks it afterwards."
    )


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
    by_pin: bool = False,
) -> str:
    """Give back lines of a sale and pay them out by one kind of tender; returns the refund's id.

    `refund_id` is minted when the form is shown: a second call with it records nothing. The router
    is asked first, so that no two tills give back the same. Without it this till goes on with its
    own sales, and with another's only `by_pin`: a supervisor typed a PIN for this very refund.

    Raises:
        ApprovalNeeded: neither the person nor anybody else with the permission approved.
        RefundClaimed, RefundUnclaimed: what the router says, or does not.
        ReceiptMissing, ShiftNotOpen, NothingToRefund, RefundTooMuch, ReasonMissing, …
    """
    if not is_id(refund_id):
        raise ReceiptMissing(number=refund_id[:40])
    with till.vault.reader() as db:
        if _is_done(db, till.identity.branch_id, refund_id):
            return refund_id
        counter(db, till.identity, person)
        known = read_sale(db, till.identity, sale_id)
        quote_refund(known.sale, known.earlier, wanted)
        if approved_by is None and not may(person.roles, Permission.REFUND_APPROVE):
            raise ApprovalNeeded()
    if not _claim(till, sale_id, refund_id, wanted) and not (known.is_own or by_pin):
        raise RefundUnclaimed()
    with till.book() as book:
        identity = book.identity
        if _is_done(book.db, identity.branch_id, refund_id):
            return refund_id
        at = counter(book.db, identity, person)
        known = read_sale(book.db, identity, sale_id)
        sale = known.sale
        quote = quote_refund(sale, known.earlier, wanted)
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
        known = read_sale(db, till.identity, sale_id)
        return quote_refund(known.sale, known.earlier, wanted)


def _claim(till: Till, sale_id: str, refund_id: str, wanted: Sequence[Wanted]) -> bool:
    """Whether the router granted it to this till alone. Raises RefundClaimed."""
    lines: dict[int, int] = {}
    for one in wanted:
        lines[one.position] = lines.get(one.position, 0) + one.quantity_milli
    asked = RefundClaim(claim_id=refund_id, sale_id=sale_id, lines=lines)
    said = ask_router(till, REFUND_CLAIM, asked)
    if said is not None and said.problem == "refund-claimed":
        raise RefundClaimed()
    return said is not None and said.problem is None


def _is_done(db: Connection, branch_id: str, refund_id: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM sale WHERE branch_id = ? AND sale_id = ?", (branch_id, refund_id)
    ).fetchone()
    return row is not None
