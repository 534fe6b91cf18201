"""What happened at the counter: a sale, a refund, a void.

Amounts are integer minor units of the fact's currency; quantities are integer thousandths.
"""

from __future__ import annotations

import msgspec


class SaleLine(msgspec.Struct, frozen=True, gc=False):
    """One line as it was sold. `amount` is what the line adds to the goods total, after discount.

    `product_id` is None for an open item. A negative `quantity_milli` is a return line.
    `tax_base` and `tax_amount` follow the line's own tax; with an inclusive tax the tax is
    inside `amount`, with an exclusive one it comes on top.
    """

    position: int
    product_id: str | None
    code: str
    name: str
    unit: str
    quantity_milli: int
    unit_price: int
    discount: int
    amount: int
    tax_code: str
    tax_base: int
    tax_amount: int
    price_overridden: bool = False
    promotion: str | None = None
    note: str | None = None


class TaxTotal(msgspec.Struct, frozen=True, gc=False):
    """One tax over a whole receipt: the sum of its lines, never a calculation of its own."""

    code: str
    label: str
    inclusive: bool
    base: int
    amount: int


class Tender(msgspec.Struct, frozen=True, gc=False):
    """One way in which the total was settled. `amount = received - change`.

    `kind` is cash, card, qris, transfer, voucher. Money paid out has a negative amount.
    """

    kind: str
    amount: int
    received: int
    change: int
    reference: str | None = None


class SaleCompleted(msgspec.Struct, frozen=True, gc=False):
    """A sale was paid. `total` is before cash rounding; the tenders sum to `total + rounding`."""

    sale_id: str
    receipt_number: str
    shift_id: str
    cashier_id: str
    cashier_name: str
    currency: str
    opened_at_ms: int
    completed_at_ms: int
    business_date: str
    zone: str
    lines: tuple[SaleLine, ...]
    taxes: tuple[TaxTotal, ...]
    tenders: tuple[Tender, ...]
    goods_total: int
    discount_total: int
    tax_total: int
    total: int
    rounding: int
    feed_revision: int = 0
    note: str | None = None
    customer_id: str | None = None
    approved_by: str | None = None
    ticket: str | None = None


class RefundLine(msgspec.Struct, frozen=True, gc=False):
    """Part of a sold line given back. Quantities and amounts are positive here."""

    position: int
    original_position: int
    product_id: str | None
    code: str
    name: str
    unit: str
    quantity_milli: int
    unit_price: int
    amount: int
    tax_code: str
    tax_base: int
    tax_amount: int
    restocked: bool = True


class RefundCompleted(msgspec.Struct, frozen=True, gc=False):
    """Money was given back for lines of an earlier sale, which itself stays as it was.

    Amounts are positive; the tenders' amounts are what was paid out, positive too.
    """

    refund_id: str
    original_sale_id: str
    original_receipt_number: str
    receipt_number: str
    shift_id: str
    cashier_id: str
    cashier_name: str
    currency: str
    opened_at_ms: int
    completed_at_ms: int
    business_date: str
    zone: str
    lines: tuple[RefundLine, ...]
    taxes: tuple[TaxTotal, ...]
    tenders: tuple[Tender, ...]
    goods_total: int
    tax_total: int
    total: int
    rounding: int
    reason: str
    approved_by: str | None = None


class SaleVoided(msgspec.Struct, frozen=True, gc=False):
    """An open cart was given up before payment; its receipt number is burnt and explained here."""

    sale_id: str
    receipt_number: str
    shift_id: str
    cashier_id: str
    cashier_name: str
    currency: str
    opened_at_ms: int
    voided_at_ms: int
    business_date: str
    line_count: int
    total: int
    reason: str
    approved_by: str | None = None
