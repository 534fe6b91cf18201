"""What a list of sales is asked for: read from the address, so that a view can be kept as a link.

Whatever cannot be read is left out and named in `problems`; a list is never an error page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from flask_babel import gettext

from sentra.ids import is_id
from sentra.instants import InstantError, parse_date
from sentra.money import Currency, MoneyError, parse_amount_loosely

KINDS: Final = ("sale", "refund", "void")
SORTS: Final = ("-at", "at", "-total", "total", "-number", "number")
TEXT_LENGTH_MAX: Final = 80
"""Longest text that is searched for; a receipt number has about 20 characters."""

CURSOR_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a row in the order: the sort column's value as text, and the sale's id."""

    value: str
    sale_id: str

    def __str__(self) -> str:
        return f"{self.sale_id}~{self.value}"


@dataclass(frozen=True, slots=True)
class SalesFilter:
    """Which sales. Amounts in minor units; dates are business dates, both included.

    `after` and `before` are places in the order that `sort` names (with a minus: descending).
    """

    kind: str = ""
    branch: str = ""
    first: str = ""
    last: str = ""
    cashier: str = ""
    number: str = ""
    tender: str = ""
    least: int | None = None
    most: int | None = None
    sort: str = "-at"
    after: Cursor | None = None
    before: Cursor | None = None
    problems: tuple[str, ...] = field(default=())

    @property
    def is_narrow(self) -> bool:
        """Whether anything but branch and dates narrows the list."""
        texts = (self.kind, self.cashier, self.number, self.tender)
        return any(texts) or self.least is not None or self.most is not None


def read_filter(args: Mapping[str, str], currency: Currency) -> SalesFilter:
    """The filter of an address."""
    problems: list[str] = []

    def day(name: str) -> str:
        text = args.get(name, "").strip()
        try:
            return parse_date(text) if text else ""
        except InstantError as error:
            problems.append(error.told(gettext))
            return ""

    def amount(name: str) -> int | None:
        text = args.get(name, "").strip()
        try:
            return parse_amount_loosely(text, currency) if text else None
        except MoneyError as error:
            problems.append(error.told(gettext))
            return None

    branch, sort = args.get("branch", ""), args.get("sort", "")
    kind = args.get("kind", "")
    first, last = day("from"), day("to")
    if first and last and first > last:
        first, last = last, first
    return SalesFilter(
        kind=kind if kind in KINDS else "",
        branch=branch if is_id(branch) else "",
        first=first,
        last=last,
        cashier=_text(args, "cashier"),
        number=_text(args, "q"),
        tender=_text(args, "tender"),
        least=amount("least"),
        most=amount("most"),
        sort=sort if sort in SORTS else "-at",
        after=_cursor(args.get("after", "")),
        before=_cursor(args.get("before", "")),
        problems=tuple(problems),
    )


def _text(args: Mapping[str, str], name: str) -> str:
    return args.get(name, "").replace("\0", "").strip()[:TEXT_LENGTH_MAX]


def _cursor(text: str) -> Cursor | None:
    sale_id, _, value = text.partition("~")
    if len(text) > CURSOR_LENGTH_MAX or not is_id(sale_id) or not value:
        return None
    return Cursor(value.replace("\0", ""), sale_id)
