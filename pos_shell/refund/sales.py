"""The sale that something comes back of: this till's own, or another's as the router told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pos_shell.branch import ask_router
from pos_shell.receipt.facts import ReceiptMissing, recorded, refunds_of
from pos_shell.till import Till
from sentra.events import Fact, RefundCompleted, SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.branch import SALE, FactNote, FindSale, FoundSale
from sentra.vault import sharing
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity
from sentra.vault.sharing import KeptSale


@dataclass(frozen=True, slots=True)
class RefundSale:
    """A sale and its refunds, those of other tills as far as the router told of them.

    `sold_at` is the name of the other till that made it, empty for one of this till.
    """

    sale: SaleCompleted
    earlier: Sequence[RefundCompleted]
    sold_at: str

    @property
    def is_own(self) -> bool:
        """Whether this till sold it."""
        return not self.sold_at


def find_elsewhere(till: Till, receipt_number: str) -> RefundSale | None:
    """A sale of another till by the number on its receipt; None where the router does not answer.

    Raises:
        ReceiptMissing: the router answers, and knows of none.
    """
    said = ask_router(till, SALE, FindSale(receipt_number=receipt_number))
    if said is None:
        return None
    if said.problem is not None:
        raise ReceiptMissing(number=receipt_number)
    sale_id = _keep(till, said.body)
    with till.vault.reader() as db:
        return read_sale(db, till.identity, sale_id)


def refresh(till: Till, sale_id: str) -> bool:
    """Ask what came back of the sale at other tills; whether the router answered."""
    said = ask_router(till, SALE, FindSale(sale_id=sale_id))
    if said is not None and said.problem is None:
        _keep(till, said.body)
    return said is not None


def read_sale(db: Connection, identity: Identity, sale_id: str) -> RefundSale:
    """The sale as this till knows it now.

    Raises:
        ReceiptMissing: this till did not sell it, and the router did not tell of it.
    """
    kept = sharing.kept_sale(db, sale_id)
    told = [] if kept is None else [_fact(note) for note in kept.found.refunds]
    own = refunds_of(db, identity, sale_id)
    known = {one.refund_id for one in own}
    others = [
        one for one in told if isinstance(one, RefundCompleted) and one.refund_id not in known
    ]
    try:
        _entry, sale = recorded(db, identity, sale_id)
        sold_at = ""
    except ReceiptMissing:
        fact = None if kept is None else _fact(kept.found.sale)
        if kept is None or not isinstance(fact, SaleCompleted):
            raise
        sale, sold_at = fact, kept.found.terminal_name or kept.found.terminal
    if not isinstance(sale, SaleCompleted):
        raise ReceiptMissing(number=sale.receipt_number)
    return RefundSale(sale, [*own, *others], sold_at)


def _keep(till: Till, body: bytes) -> str:
    found = msgspec.json.decode(body, type=FoundSale)
    fact = _fact(found.sale)
    if not isinstance(fact, SaleCompleted):
        raise ReceiptMissing(number="")
    with till.vault.writer() as db:
        sharing.keep_sale(db, KeptSale(fact.sale_id, till.clock(), found))
    return fact.sale_id


def _fact(note: FactNote) -> Fact | None:
    """None for one of a later version: it is refunded at the till that sold it."""
    try:
        return decode_fact(note.kind, note.schema, bytes(note.body))
    except (UnknownKind, BodyUnreadable):
        return None
