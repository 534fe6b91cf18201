"""Reads of the refund screen: what of a sale can still be given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pos_shell.cashier.queries import approvers
from pos_shell.refund.sales import read_sale, refresh
from pos_shell.till import Till
from sentra.domain.permission import Permission
from sentra.domain.refund import Refundable, refundable_lines
from sentra.events import Person, RefundCompleted, SaleCompleted


@dataclass(frozen=True, slots=True)
class RefundPage:
    """A sale, what is left of its lines, what was given back before, and who may approve.

    `sold_at` is the other till that sold it, empty for this one; `is_heard`: the router said now
    what came back in the branch.
    """

    sale: SaleCompleted
    left: Sequence[Refundable]
    earlier: Sequence[RefundCompleted]
    refund_id: str
    approvers: Sequence[Person]
    sold_at: str
    is_heard: bool


def refund_page(till: Till, sale_id: str, *, ask: bool = True) -> RefundPage:
    """What the refund screen shows; `ask`: after asking the router what came back elsewhere.

    Raises:
        ReceiptMissing: neither this till nor the router knows a sale of that id.
    """
    is_heard = ask and refresh(till, sale_id)
    with till.vault.reader() as db:
        known = read_sale(db, till.identity, sale_id)
        people = approvers(db, Permission.REFUND_APPROVE)
    left = refundable_lines(known.sale, known.earlier)
    return RefundPage(
        known.sale, left, known.earlier, till.new_id(), people, known.sold_at, is_heard
    )
