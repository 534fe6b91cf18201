"""A tickets file -> tickets: every line is taken, or reported with its column, value and reason.

`ticket,branch,terminal,at,code,name,quantity,unit_price,payment`: `at` is the branch's local time
in ISO 8601, a negative quantity is a return. Lines that share ticket, branch and terminal are one
ticket. Nothing here touches a vault.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from pos_shell.replay.errors import (
    AmountRounded,
    AmountTooLarge,
    CharactersLost,
    FieldEmpty,
    FieldTooLong,
    LineProblem,
    NameCut,
    NegativePrice,
    NothingSold,
    PaymentUnknown,
    QuantityTooLarge,
    TimesDiffer,
)
from pos_shell.replay.source import COLUMNS, Record, read_source, records
from pos_shell.replay.tickets import Finding, Ticket, TicketLine, Tickets
from sentra.domain.cart import (
    LINE_AMOUNT_MAX,
    LINE_QUANTITY_MILLI_MAX,
    NAME_LENGTH_MAX,
    UNIT_PRICE_MAX,
)
from sentra.failures import Failure
from sentra.instants import NotATime
from sentra.money import Currency, multiply, parse_amount, parse_quantity, to_decimal_string
from sentra.sheets import shown

LABEL_LENGTH_MAX: Final = 100
"""Characters of a ticket's number, a branch, a terminal and a code."""

PAYMENTS: Final = {
    "cash": "cash", "tunai": "cash", "kontan": "cash",
    "card": "card", "kartu": "card", "debit": "card", "debet": "card", "kredit": "card",
    "credit": "card",
    "qris": "qris", "qr": "qris",
    "transfer": "transfer", "bank": "transfer",
    "voucher": "voucher", "vocer": "voucher", "kupon": "voucher",
}  # fmt: skip
"""What tickets files call a payment -> the kind of our tender."""

TAKEN_AS: Final = "transfer"
"""An unknown payment was some money that is not in the drawer, so it must not count as cash."""

_Number = TypeVar("_Number")
Key = tuple[str, str, str]


class _Refused(Exception):
    """One field that stops its line."""

    def __init__(self, column: str, value: str, cause: Failure) -> None:
        super().__init__(column)
        self.column, self.value, self.cause = column, value, cause


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    currency: Currency
    comma_decimals: bool
    findings: list[Finding] = field(default_factory=list)
    begun: dict[Key, str] = field(default_factory=dict)
    lines: dict[Key, list[TicketLine]] = field(default_factory=dict)

    def note(self, line: int, column: str, value: str, cause: LineProblem) -> None:
        """Keep a finding about a line that is taken all the same."""
        self.findings.append(Finding(line, column, shown(value), cause, taken=True))


def read_tickets(path: Path, currency: Currency) -> Tickets:
    """Read and check a whole file; amounts are minor units of the currency.

    Raises:
        SheetError, ReplayError: the file as a whole cannot be read.
    """
    source = read_source(path)
    reading = _Reading(currency, source.has_comma_decimals, list(source.findings))
    count = 0
    for found in records(source):
        count += 1
        if isinstance(found, Finding):
            reading.findings.append(found)
            continue
        try:
            _take(reading, found)
        except _Refused as stop:
            finding = Finding(found.line, stop.column, shown(stop.value), stop.cause, taken=False)
            reading.findings.append(finding)
    tickets = tuple(
        Ticket(number, branch, terminal, reading.begun[key], tuple(lines))
        for key, lines in reading.lines.items()
        for number, branch, terminal in (key,)
    )
    gross = sum(ticket.gross for ticket in tickets)
    return Tickets(tickets, tuple(reading.findings), gross, count)


def _take(reading: _Reading, record: Record) -> None:
    """Add one record to its ticket, or raise _Refused and change no ticket."""
    text = dict(zip(COLUMNS, record.fields, strict=True))
    number, branch, terminal = (_label(text, name) for name in ("ticket", "branch", "terminal"))
    at = _local_time(text["at"])
    quantity_milli = _quantity(text["quantity"])
    unit_price = _unit_price(reading, text["unit_price"])
    if unit_price < 0:
        reading.note(record.line, "unit_price", text["unit_price"], NegativePrice())
        quantity_milli, unit_price = -quantity_milli, -unit_price
    amount = _amount(reading, record.line, text["unit_price"], unit_price, quantity_milli)
    code = _label(text, "code", needed=False)
    payment, reference = _payment(reading, record.line, text["payment"])
    name = _name(reading, record.line, text["name"])
    key = (number, branch, terminal)
    begun = reading.begun.setdefault(key, at)
    if begun != at:
        reading.note(record.line, "at", text["at"], TimesDiffer(first=begun))
    line = TicketLine(
        record.line, code, name, quantity_milli, unit_price, amount, payment, reference
    )
    reading.lines.setdefault(key, []).append(line)


def _label(text: dict[str, str], column: str, *, needed: bool = True) -> str:
    value = _printable(text[column])
    if needed and not value:
        raise _Refused(column, text[column], FieldEmpty())
    if len(value) > LABEL_LENGTH_MAX:
        raise _Refused(column, value, FieldTooLong(longest=LABEL_LENGTH_MAX))
    return value


def _local_time(text: str) -> str:
    """ISO 8601, checked and in one form; with an offset it is kept, without one it is local."""
    try:
        return datetime.fromisoformat(text.strip()).isoformat(timespec="milliseconds")
    except ValueError:
        raise _Refused("at", text, NotATime(text=shown(text))) from None


def _quantity(text: str) -> int:
    milli = _number("quantity", text, parse_quantity)
    if milli == 0:
        raise _Refused("quantity", text, NothingSold())
    if abs(milli) > LINE_QUANTITY_MILLI_MAX:
        most = LINE_QUANTITY_MILLI_MAX // 1000
        raise _Refused("quantity", text, QuantityTooLarge(largest=most))
    return milli


def _unit_price(reading: _Reading, text: str) -> int:
    plain = text.replace(",", ".", 1) if reading.comma_decimals and "." not in text else text
    amount = _number("unit_price", plain, lambda value: parse_amount(value, reading.currency))
    if abs(amount) > UNIT_PRICE_MAX:
        raise _too_large("unit_price", text, UNIT_PRICE_MAX, reading.currency)
    return amount


def _amount(reading: _Reading, line: int, text: str, unit_price: int, quantity_milli: int) -> int:
    amount = multiply(unit_price, quantity_milli)
    if abs(amount) > LINE_AMOUNT_MAX:
        raise _too_large("unit_price", text, LINE_AMOUNT_MAX, reading.currency)
    if unit_price * quantity_milli % 1000:
        told = to_decimal_string(amount, reading.currency)
        reading.note(line, "quantity", text, AmountRounded(amount=told))
    return amount


def _too_large(column: str, text: str, most: int, currency: Currency) -> _Refused:
    return _Refused(column, text, AmountTooLarge(largest=to_decimal_string(most, currency)))


def _number(column: str, text: str, parse: Callable[[str], _Number]) -> _Number:
    if not text.strip():
        raise _Refused(column, text, FieldEmpty())
    try:
        return parse(text)
    except Failure as failure:
        raise _Refused(column, text, failure) from failure


def _name(reading: _Reading, line: int, text: str) -> str:
    """The name without control characters; empty where the file has none."""
    name = _printable(text)
    if any(unicodedata.category(character) == "Cc" for character in text.strip()):
        reading.note(line, "name", name, CharactersLost())
    if len(name) > NAME_LENGTH_MAX:
        reading.note(line, "name", name, NameCut(longest=NAME_LENGTH_MAX))
        name = name[:NAME_LENGTH_MAX].rstrip()
    return name


def _printable(text: str) -> str:
    """Stripped, with each control character (no database text may hold NUL) as one blank."""
    if text.isprintable():
        return text.strip()
    kept = (" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text.strip())
    return "".join(kept).strip()


def _payment(reading: _Reading, line: int, text: str) -> tuple[str, str | None]:
    """(kind, reference) of the tender."""
    said = _printable(text)
    kind = PAYMENTS.get(said.casefold())
    if kind is not None:
        return kind, None
    cause = PaymentUnknown(known="cash, card, qris, transfer, voucher", taken_as=TAKEN_AS)
    reading.note(line, "payment", text, cause)
    return TAKEN_AS, said[:LABEL_LENGTH_MAX] or None
