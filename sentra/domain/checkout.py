"""The end of a cart: paid, or given up. Either is a fact, and a paid sale never changes."""

from __future__ import annotations

from sentra.domain.cart import Cart
from sentra.domain.counter import Counter
from sentra.domain.errors import ApprovalNeeded, DomainError, ReasonMissing
from sentra.domain.payment import Settlement
from sentra.domain.totals import Totals
from sentra.events import SaleCompleted, SaleVoided


class CartEmpty(DomainError):
    """Nothing to sell."""

    code = "checkout-cart-empty"
    sentence = "The cart is empty. Scan or choose something first."


class SettlementStale(DomainError):
    """The cart or its prices changed after the payment was worked out."""

    code = "checkout-settlement-stale"
    sentence = "The cart has changed while the payment was taken. Take the payment again."


def complete_sale(
    cart: Cart,
    totals: Totals,
    settlement: Settlement,
    counter: Counter,
    *,
    receipt_number: str,
    completed_at_ms: int,
    approved_by: str | None = None,
) -> SaleCompleted:
    """Make the fact of a paid sale from a cart, its totals and its settlement.

    The totals are those that were shown and settled; they are not worked out again here.

    Raises:
        CartEmpty: there are no lines.
        SettlementStale: the settlement is of another total, or its tenders do not add up.
    """
    if not totals.lines:
        raise CartEmpty()
    paid = sum(tender.amount for tender in settlement.tenders)
    if settlement.total != totals.total or paid != totals.total + settlement.rounding:
        raise SettlementStale()
    return SaleCompleted(
        sale_id=cart.sale_id,
        receipt_number=receipt_number,
        shift_id=counter.shift_id,
        cashier_id=counter.cashier_id,
        cashier_name=counter.cashier_name,
        currency=cart.currency,
        opened_at_ms=cart.opened_at_ms,
        completed_at_ms=completed_at_ms,
        business_date=counter.business_date,
        zone=counter.zone,
        lines=totals.lines,
        taxes=totals.taxes,
        tenders=settlement.tenders,
        goods_total=totals.goods_total,
        discount_total=totals.discount_total,
        tax_total=totals.tax_total,
        total=totals.total,
        rounding=settlement.rounding,
        feed_revision=cart.feed_revision,
        note=cart.note,
        customer_id=cart.customer_id,
        approved_by=approved_by,
        ticket=cart.ticket,
    )


def void_needs_approval(total: int, void_limit: int | None) -> bool:
    """Whether giving up a cart of this total needs a supervisor; a limit of None never does."""
    return void_limit is not None and abs(total) > void_limit


def void_sale(
    cart: Cart,
    totals: Totals,
    counter: Counter,
    *,
    receipt_number: str,
    voided_at_ms: int,
    reason: str,
    void_limit: int | None = None,
    approved_by: str | None = None,
) -> SaleVoided:
    """Make the fact of a cart that was given up; it explains the receipt number that it burns.

    Raises:
        CartEmpty: an empty cart is simply closed, nothing is burnt.
        ReasonMissing: no reason is given.
        ApprovalNeeded: the total is above the branch's limit and nobody approved.
    """
    if cart.is_empty:
        raise CartEmpty()
    if not reason.strip():
        raise ReasonMissing()
    if approved_by is None and void_needs_approval(totals.total, void_limit):
        raise ApprovalNeeded()
    return SaleVoided(
        sale_id=cart.sale_id,
        receipt_number=receipt_number,
        shift_id=counter.shift_id,
        cashier_id=counter.cashier_id,
        cashier_name=counter.cashier_name,
        currency=cart.currency,
        opened_at_ms=cart.opened_at_ms,
        voided_at_ms=voided_at_ms,
        business_date=counter.business_date,
        line_count=len(cart.lines),
        total=totals.total,
        reason=reason.strip(),
        approved_by=approved_by,
    )
