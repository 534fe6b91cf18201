"""A receipt as rows of words, the same for the screen and for the paper of 80 mm.

In the language of the request; amounts, quantities and times are already written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from flask_babel import gettext

from sentra.domain import receipt as parts
from sentra.domain.receipt import Receipt, ReceiptItem, ReceiptSum
from sentra.money import multiply
from sentra.web.filters import amount, moment, money, quantity, short_hash

Style = Literal["title", "centre", "plain", "small", "strong", "rule"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: text at the left (or in the middle), an amount at the right."""

    left: str = ""
    right: str = ""
    style: Style = "plain"


_RULE: Final = Row(style="rule")


def tender_name(kind: str) -> str:
    """A tender's kind as people call it."""
    names = {
        "cash": gettext("Cash"),
        "card": gettext("Card"),
        "qris": gettext("QRIS"),
        "transfer": gettext("Bank transfer"),
        "voucher": gettext("Voucher"),
    }
    return str(names.get(kind, kind))


def rows_of(receipt: Receipt) -> tuple[Row, ...]:
    """The whole receipt from the company's name to the footer."""
    return (*_head(receipt), _RULE, *_goods(receipt), _RULE, *_sums(receipt), *_foot(receipt))


def _head(receipt: Receipt) -> Iterator[Row]:
    yield Row(receipt.company_name, style="title")
    yield Row(receipt.branch_name, style="centre")
    for line in receipt.header:
        yield Row(line, style="centre")
    if receipt.copy:
        yield Row(gettext("COPY"), style="title")
    if receipt.kind == "refund":
        yield Row(gettext("REFUND"), style="title")
    yield _RULE
    yield Row(receipt.number, moment(receipt.at_ms, receipt.zone))
    yield Row(gettext("Cashier"), receipt.cashier_name)
    if receipt.original_number:
        yield Row(gettext("Refund of"), receipt.original_number)


def _goods(receipt: Receipt) -> Iterator[Row]:
    for item in receipt.items:
        yield Row(item.name, style="strong")
        times = f"{quantity(item.quantity_milli)} {item.unit}".strip()
        price = amount(item.unit_price, receipt.currency)
        yield Row(f"  {times} × {price}", amount(item.gross, receipt.currency))
        if item.discount:
            yield Row(f"  {_discount_name(item)}", amount(-item.discount, receipt.currency))
        if item.note:
            yield Row(f"  {item.note}", style="small")
    if receipt.note:
        yield Row(receipt.note, style="small")


def _discount_name(item: ReceiptItem) -> str:
    """A returned line whose gross is not its amount was discounted when it was sold."""
    exact = multiply(item.unit_price, item.quantity_milli) == item.gross
    return item.promotion or (gettext("Discount") if exact else gettext("Adjustment"))


def _sums(receipt: Receipt) -> Iterator[Row]:
    for line in receipt.sums:
        yield _sum_row(line, receipt.currency)
    if receipt.reason:
        yield Row(gettext("Reason: %(reason)s", reason=receipt.reason), style="small")


def _sum_row(line: ReceiptSum, currency: str) -> Row:
    labels: dict[str, Callable[[], str]] = {
        parts.GOODS: lambda: gettext("Goods"),
        parts.DISCOUNT: lambda: gettext("Discount"),
        parts.TAX_INCLUDED: lambda: gettext("Includes %(tax)s", tax=line.label),
        parts.TAX_ADDED: lambda: line.label,
        parts.TOTAL: lambda: gettext("Total"),
        parts.ROUNDING: lambda: gettext("Cash rounding"),
        parts.TO_PAY: lambda: gettext("To pay"),
        parts.TENDER: lambda: tender_name(line.label),
        parts.CHANGE: lambda: gettext("Change"),
    }
    label = labels[line.kind]()
    if line.kind == parts.TENDER:
        told = f"{label} {line.reference}" if line.reference else label
        return Row(told, amount(line.received or line.amount, currency))
    if line.kind in (parts.TOTAL, parts.TO_PAY):
        return Row(label, money(line.amount, currency), style="strong")
    return Row(label, amount(line.amount, currency))


def _foot(receipt: Receipt) -> Iterator[Row]:
    yield _RULE
    for line in receipt.footer:
        yield Row(line, style="centre")
    if receipt.short_hash:
        yield Row(f"# {short_hash(receipt.short_hash)}", style="centre")
