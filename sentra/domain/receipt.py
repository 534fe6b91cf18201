"""A receipt as structured lines, for the screen, the printer and the PDF alike.

Nothing is formatted here: amounts are minor units, quantities thousandths, and a label is either
data from the fact (a tax's label) or left to the one who shows it, by the sum's kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sentra.events import (
    Branch,
    RefundCompleted,
    RefundLine,
    SaleCompleted,
    SaleLine,
    TaxTotal,
    Tender,
)
from sentra.money import multiply

GOODS: Final = "goods"
DISCOUNT: Final = "discount"
TAX_ADDED: Final = "tax_added"
TAX_INCLUDED: Final = "tax_included"
TOTAL: Final = "total"
ROUNDING: Final = "rounding"
TO_PAY: Final = "to_pay"
TENDER: Final = "tender"
CHANGE: Final = "change"
SUM_KINDS: Final = (
    GOODS,
    DISCOUNT,
    TAX_ADDED,
    TAX_INCLUDED,
    TOTAL,
    ROUNDING,
    TO_PAY,
    TENDER,
    CHANGE,
)


@dataclass(frozen=True, slots=True)
class ReceiptItem:
    """One line of goods; `gross` is before and `amount` after the `discount`."""

    name: str
    code: str
    quantity_milli: int
    unit: str
    unit_price: int
    gross: int
    discount: int
    amount: int
    promotion: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptSum:
    """One line below the goods. `kind` is of `SUM_KINDS`.

    `label` is the tax's label or the tender's kind, empty for the others; `received` is what was
    handed over, for tenders.
    """

    kind: str
    amount: int
    label: str = ""
    received: int = 0
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A whole receipt. `kind` is sale or refund; a refund's amounts are positive and paid out.

    `short_hash` is the beginning of the journal entry's hash; `copy` says that it was printed
    before and must be marked so.
    """

    kind: str
    company_name: str
    branch_name: str
    header: tuple[str, ...]
    number: str
    at_ms: int
    zone: str
    business_date: str
    cashier_name: str
    currency: str
    items: tuple[ReceiptItem, ...]
    sums: tuple[ReceiptSum, ...]
    footer: tuple[str, ...]
    original_number: str | None = None
    reason: str | None = None
    note: str | None = None
    short_hash: str | None = None
    copy: bool = False


def sale_receipt(
    sale: SaleCompleted,
    branch: Branch,
    company_name: str,
    *,
    short_hash: str | None = None,
    copy: bool = False,
) -> Receipt:
    """The receipt of a sale, under the header of its branch."""
    return Receipt(
        kind="sale",
        company_name=company_name,
        branch_name=branch.name,
        header=_lines(branch.address, branch.receipt_header),
        number=sale.receipt_number,
        at_ms=sale.completed_at_ms,
        zone=sale.zone,
        business_date=sale.business_date,
        cashier_name=sale.cashier_name,
        currency=sale.currency,
        items=tuple(_sold(line) for line in sale.lines),
        sums=tuple(
            _sums(
                sale.goods_total,
                sale.discount_total,
                sale.taxes,
                sale.total,
                sale.rounding,
                sale.tenders,
            )
        ),
        footer=_lines(branch.receipt_footer),
        note=sale.note,
        short_hash=short_hash,
        copy=copy,
    )


def refund_receipt(
    refund: RefundCompleted,
    branch: Branch,
    company_name: str,
    *,
    short_hash: str | None = None,
    copy: bool = False,
) -> Receipt:
    """The receipt of a refund, pointing at the first sale's."""
    return Receipt(
        kind="refund",
        company_name=company_name,
        branch_name=branch.name,
        header=_lines(branch.address, branch.receipt_header),
        number=refund.receipt_number,
        at_ms=refund.completed_at_ms,
        zone=refund.zone,
        business_date=refund.business_date,
        cashier_name=refund.cashier_name,
        currency=refund.currency,
        items=tuple(_returned(line) for line in refund.lines),
        sums=tuple(
            _sums(
                refund.goods_total, 0, refund.taxes, refund.total, refund.rounding, refund.tenders
            )
        ),
        footer=_lines(branch.receipt_footer),
        original_number=refund.original_receipt_number,
        reason=refund.reason,
        short_hash=short_hash,
        copy=copy,
    )


def _sold(line: SaleLine) -> ReceiptItem:
    return ReceiptItem(
        name=line.name,
        code=line.code,
        quantity_milli=line.quantity_milli,
        unit=line.unit,
        unit_price=line.unit_price,
        gross=line.amount + line.discount,
        discount=line.discount,
        amount=line.amount,
        promotion=line.promotion,
        note=line.note,
    )


def _returned(line: RefundLine) -> ReceiptItem:
    gross = multiply(line.unit_price, line.quantity_milli)
    return ReceiptItem(
        name=line.name,
        code=line.code,
        quantity_milli=line.quantity_milli,
        unit=line.unit,
        unit_price=line.unit_price,
        gross=gross,
        discount=gross - line.amount,
        amount=line.amount,
    )


def _sums(
    goods_total: int,
    discount_total: int,
    taxes: Iterable[TaxTotal],
    total: int,
    rounding: int,
    tenders: Iterable[Tender],
) -> Iterable[ReceiptSum]:
    """The lines below the goods, in the order in which they are read."""
    yield ReceiptSum(GOODS, goods_total + discount_total)
    if discount_total:
        yield ReceiptSum(DISCOUNT, -discount_total)
    for tax in taxes:
        yield ReceiptSum(TAX_INCLUDED if tax.inclusive else TAX_ADDED, tax.amount, tax.label)
    yield ReceiptSum(TOTAL, total)
    if rounding:
        yield ReceiptSum(ROUNDING, rounding)
        yield ReceiptSum(TO_PAY, total + rounding)
    for tender in tenders:
        yield ReceiptSum(TENDER, tender.amount, tender.kind, tender.received, tender.reference)
        if tender.change:
            yield ReceiptSum(CHANGE, tender.change)


def _lines(*texts: str) -> tuple[str, ...]:
    return tuple(line.strip() for text in texts for line in text.splitlines() if line.strip())
