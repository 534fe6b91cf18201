"""Reads of the refund screen: what of a sale can still be given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pos_shell.cashier.queries import approvers
from pos_shell.receipt.facts import ReceiptMissing, recorded, refunds_of
from pos_shell.till import Till
from sentra.domain.permission import Permission
from sentra.domain.refund import Refundable, refundable_lines
from sentra.events import Person, RefundCompleted, SaleCompleted


@dataclass(frozen=True, slots=True)
class RefundPage:
    """A sale, what is left of its lines, what was given back before, and who may approve."""

    sale: SaleCompleted
    left: Sequence[Refundable]
    earlier: Sequence[RefundCompleted]
    refund_id: str
    approvers: Sequence[Person]


def refund_page(till: Till, sale_id: str) -> RefundPage:
    """What the refund screen shows.

    Raises:
        ReceiptMissing: this terminal has no sale of that id.
    """
    identity = till.identity
    with till.vault.reader() as db:
        _entry, fact = recorded(db, identity, sale_id)
        if not isinstance(fact, SaleCompleted):
            raise ReceiptMissing(number=fact.receipt_number)
        earlier = refunds_of(db, identity, sale_id)
        people = approvers(db, Permission.REFUND_APPROVE)
    left = refundable_lines(fact, earlier)
    return RefundPage(fact, left, earlier, till.new_id(), people)
