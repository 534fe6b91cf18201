"""Small journals made by the production code, for tests of every store."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.events import (
    Fact,
    RefundCompleted,
    RefundLine,
    SaleCompleted,
    SaleLine,
    TaxTotal,
    Tender,
)
from sentra.ids import uuid7
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import EMPTY, Entry, Head, head_of, make_entry
from sentra.protocol.segment import seal

START_MS = 1_790_000_000_000
DAY = "2026-11-22"


def an_id(number: int) -> str:
    """A UUIDv7 that depends on the number alone."""
    return uuid7(START_MS + number, number.to_bytes(10, "big"))


SHIFT = an_id(900_000)


def a_sale(number: int, amount: int = 4_500, *, terminal_number: int = 1) -> SaleCompleted:
    """A cash sale of one open item."""
    line = SaleLine(1, None, "X", "Kopi", "pcs", 1000, amount, 0, amount, "NONE", amount, 0)
    return SaleCompleted(
        sale_id=an_id(terminal_number * 100_000 + number),
        receipt_number=f"SGT-{terminal_number}-261122-{number:04}",
        shift_id=SHIFT,
        cashier_id=an_id(900_001),
        cashier_name="Dewi",
        currency="IDR",
        opened_at_ms=START_MS + number * 1000,
        completed_at_ms=START_MS + number * 1000,
        business_date=DAY,
        zone="Asia/Makassar",
        lines=(line,),
        taxes=(TaxTotal("NONE", "-", True, amount, 0),),
        tenders=(Tender("cash", amount, amount, 0),),
        goods_total=amount,
        discount_total=0,
        tax_total=0,
        total=amount,
        rounding=0,
    )


def a_refund(sale: SaleCompleted, number: int, quantity_milli: int = 1000) -> RefundCompleted:
    """Part of the sale's only line comes back, paid out in cash."""
    line = sale.lines[0]
    amount = line.amount * quantity_milli // line.quantity_milli
    back = RefundLine(1, 1, None, "X", "Kopi", "pcs", quantity_milli, line.unit_price, amount,
                      "NONE", amount, 0)  # fmt: skip
    return RefundCompleted(
        refund_id=an_id(400_000 + number),
        original_sale_id=sale.sale_id,
        original_receipt_number=sale.receipt_number,
        receipt_number=f"SGT-2-261122-{number:04}",
        shift_id=SHIFT,
        cashier_id=an_id(900_001),
        cashier_name="Dewi",
        currency="IDR",
        opened_at_ms=START_MS,
        completed_at_ms=START_MS,
        business_date=DAY,
        zone="Asia/Makassar",
        lines=(back,),
        taxes=(),
        tenders=(Tender("cash", amount, amount, 0),),
        goods_total=amount,
        tax_total=0,
        total=amount,
        rounding=0,
        reason="Rusak",
    )


class Journal:
    """One terminal's journal and its key."""

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self.terminal = an_id(800_000 + number)
        self.key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        self.head: Head = EMPTY
        self.entries: list[Entry] = []

    def sell(self, count: int, amount: int = 4_500) -> Sequence[Entry]:
        """Appends sales; returns their entries."""
        made: list[Entry] = []
        for _ in range(count):
            number = len(self.entries) + len(made) + 1
            fact = a_sale(number, amount, terminal_number=self.number)
            kind, schema, body = encode_fact(fact)
            entry = make_entry(
                self.terminal, self.head, kind, schema, fact.completed_at_ms, DAY, body
            )
            self.head = head_of(entry)
            made.append(entry)
        self.entries += made
        return made

    def write(self, fact: Fact) -> Entry:
        """Appends one fact."""
        kind, schema, body = encode_fact(fact)
        at_ms = START_MS + len(self.entries) * 1000
        entry = make_entry(self.terminal, self.head, kind, schema, at_ms, DAY, body)
        self.head = head_of(entry)
        self.entries.append(entry)
        return entry

    def sealed(self, first: int, last: int) -> bytes:
        """The segment of these sequence numbers, both included."""
        return seal(self.entries[first - 1 : last], self.key)
