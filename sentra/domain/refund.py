"""Giving back part or all of an earlier sale, line by line.

A line's refunds are prorated cumulatively: after n of N pieces have come back, the customer has
been given `round(amount × n / N)` in all, so refunds in any order and any pieces add up to exactly
what was paid when everything is back. The tax follows the refunded amount in the same way
(`round(tax × refunded / amount)`), so it never overtakes it. Halves are away from zero.

The sale itself never changes: a refund is a fact of its own that points at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sentra.domain.counter import Counter
from sentra.domain.errors import DomainError, ReasonMissing
from sentra.domain.payment import Offer, Settlement, as_paid_out, settle
from sentra.domain.rounding import CashRounding
from sentra.domain.tax import tax_on_top
from sentra.events import RefundCompleted, RefundLine, SaleCompleted, SaleLine, TaxTotal
from sentra.money import divide_half_away, quantity_to_decimal_string


class RefundError(DomainError):
    """The family: something that cannot be given back."""

    code = "refund"


class NothingToRefund(RefundError):
    """No line was chosen."""

    code = "refund-nothing"
    sentence = "Choose at least one line, and how much of it comes back."


class NotRefundable(RefundError):
    """A line that the sale does not have, or that was itself a return."""

    code = "refund-line"
    sentence = "Line %(position)s of this sale cannot be refunded."


class RefundTooMuch(RefundError):
    """More than is left of a line."""

    code = "refund-too-much"
    sentence = "Of “%(name)s” only %(left)s can still be refunded."


class OtherSale(RefundError):
    """An earlier refund that belongs to another sale. A fault of the caller."""

    code = "refund-other-sale"
    sentence = "Receipt %(receipt)s is not a refund of this sale."


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of which line comes back, in thousandths, and whether it goes on the shelf again."""

    position: int
    quantity_milli: int
    restocked: bool = True


@dataclass(frozen=True, slots=True)
class Refundable:
    """What is left of a sold line: quantity in thousandths, amount and tax in minor units."""

    line: SaleLine
    quantity_milli: int
    amount: int
    tax_amount: int


@dataclass(frozen=True, slots=True)
class RefundQuote:
    """What a refund would give back, all positive, before cash rounding."""

    lines: tuple[RefundLine, ...]
    taxes: tuple[TaxTotal, ...]
    goods_total: int
    tax_total: int
    total: int


@dataclass(frozen=True, slots=True)
class _Given:
    """What earlier refunds gave back of one line."""

    quantity_milli: int = 0
    amount: int = 0
    tax_amount: int = 0


def refundable_lines(
    sale: SaleCompleted, earlier: Iterable[RefundCompleted]
) -> tuple[Refundable, ...]:
    """What is left of each line that was sold; return lines of the sale are not among them.

    Raises:
        OtherSale: an earlier refund is of another sale.
    """
    given = _given(sale, earlier)
    return tuple(
        Refundable(
            line=line,
            quantity_milli=line.quantity_milli - before.quantity_milli,
            amount=line.amount - before.amount,
            tax_amount=line.tax_amount - before.tax_amount,
        )
        for line in sale.lines
        if line.quantity_milli > 0
        for before in (given.get(line.position, _Given()),)
        if before.quantity_milli < line.quantity_milli
    )


def quote_refund(
    sale: SaleCompleted, earlier: Iterable[RefundCompleted], wanted: Sequence[Wanted]
) -> RefundQuote:
    """Work out what the wanted lines give back, given the refunds before.

    Raises:
        NothingToRefund, NotRefundable, RefundTooMuch, OtherSale: as they say.
    """
    if not wanted:
        raise NothingToRefund()
    given = _given(sale, earlier)
    sold = {line.position: line for line in sale.lines if line.quantity_milli > 0}
    inclusive = {tax.code: tax.inclusive for tax in sale.taxes}
    lines: list[RefundLine] = []
    for wish in wanted:
        line = sold.get(wish.position)
        if line is None:
            raise NotRefundable(position=wish.position)
        before = given.get(line.position, _Given())
        lines.append(_refund_line(len(lines) + 1, line, before, wish, inclusive))
        given[line.position] = _added(before, lines[-1])
    taxes = _taxes(sale, lines)
    goods = sum(line.amount for line in lines)
    return RefundQuote(
        lines=tuple(lines),
        taxes=taxes,
        goods_total=goods,
        tax_total=sum(tax.amount for tax in taxes),
        total=goods + tax_on_top(taxes),
    )


def settle_refund(total: int, others: Sequence[Offer], rule: CashRounding) -> Settlement:
    """Pay a refund's total out: what `others` (positive, card for example) do not cover, in cash.

    The result is in positive terms, as `RefundCompleted` writes it.

    Raises:
        TooMuchWithoutCash, OfferRefused: as they say.
    """
    negative = [Offer(offer.kind, -offer.amount, offer.reference) for offer in others]
    return as_paid_out(settle(-total, negative, rule))


def complete_refund(
    sale: SaleCompleted,
    quote: RefundQuote,
    settlement: Settlement,
    counter: Counter,
    *,
    refund_id: str,
    receipt_number: str,
    opened_at_ms: int,
    completed_at_ms: int,
    reason: str,
    approved_by: str | None = None,
) -> RefundCompleted:
    """Make the fact of a refund from its quote and its settlement (`settle_refund`).

    Raises:
        ReasonMissing: no reason is given.
    """
    if not reason.strip():
        raise ReasonMissing()
    return RefundCompleted(
        refund_id=refund_id,
        original_sale_id=sale.sale_id,
        original_receipt_number=sale.receipt_number,
        receipt_number=receipt_number,
        shift_id=counter.shift_id,
        cashier_id=counter.cashier_id,
        cashier_name=counter.cashier_name,
        currency=sale.currency,
        opened_at_ms=opened_at_ms,
        completed_at_ms=completed_at_ms,
        business_date=counter.business_date,
        zone=counter.zone,
        lines=quote.lines,
        taxes=quote.taxes,
        tenders=settlement.tenders,
        goods_total=quote.goods_total,
        tax_total=quote.tax_total,
        total=quote.total,
        rounding=settlement.rounding,
        reason=reason.strip(),
        approved_by=approved_by,
    )


def _given(sale: SaleCompleted, earlier: Iterable[RefundCompleted]) -> dict[int, _Given]:
    given: dict[int, _Given] = {}
    for refund in earlier:
        if refund.original_sale_id != sale.sale_id:
            raise OtherSale(receipt=refund.receipt_number)
        for line in refund.lines:
            before = given.get(line.original_position, _Given())
            given[line.original_position] = _added(before, line)
    return given


def _added(before: _Given, line: RefundLine) -> _Given:
    return _Given(
        before.quantity_milli + line.quantity_milli,
        before.amount + line.amount,
        before.tax_amount + line.tax_amount,
    )


def _refund_line(
    position: int, line: SaleLine, before: _Given, wish: Wanted, inclusive: dict[str, bool]
) -> RefundLine:
    left = line.quantity_milli - before.quantity_milli
    if not 0 < wish.quantity_milli <= left:
        raise RefundTooMuch(name=line.name, left=quantity_to_decimal_string(max(left, 0)))
    back = before.quantity_milli + wish.quantity_milli
    amount_in_all = divide_half_away(line.amount * back, line.quantity_milli)
    amount = max(amount_in_all - before.amount, 0)
    tax_in_all = (
        divide_half_away(line.tax_amount * (before.amount + amount), line.amount)
        if line.amount
        else 0
    )
    tax = max(tax_in_all - before.tax_amount, 0)
    return RefundLine(
        position=position,
        original_position=line.position,
        product_id=line.product_id,
        code=line.code,
        name=line.name,
        unit=line.unit,
        quantity_milli=wish.quantity_milli,
        unit_price=line.unit_price,
        amount=amount,
        tax_code=line.tax_code,
        tax_base=_base(line, amount, tax, inclusive),
        tax_amount=tax,
        restocked=wish.restocked,
    )


def _base(line: SaleLine, amount: int, tax: int, inclusive: dict[str, bool]) -> int:
    if line.tax_code not in inclusive:
        return 0
    return amount - tax if inclusive[line.tax_code] else amount


def _taxes(sale: SaleCompleted, lines: Sequence[RefundLine]) -> tuple[TaxTotal, ...]:
    """The taxes of a refund, under the labels that the sale had."""
    return tuple(
        TaxTotal(
            code=tax.code,
            label=tax.label,
            inclusive=tax.inclusive,
            base=sum(line.tax_base for line in lines if line.tax_code == tax.code),
            amount=sum(line.tax_amount for line in lines if line.tax_code == tax.code),
        )
        for tax in sale.taxes
        if any(line.tax_code == tax.code for line in lines)
    )
