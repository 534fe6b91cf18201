"""A list of sales as CSV: what is seen, whole, as spreadsheets open it without questions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from flask_babel import gettext
from sqlalchemy import Connection

from sentra.instants import iso_local
from sentra.money import Currency, to_decimal_string
from webapp.places import Place
from webapp.sales.filters import SalesFilter
from webapp.sales.queries import export_rows, read_tenders
from webapp.words import kind_name, tender_name

BATCH: Final = 1_000
BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it Excel reads UTF-8 as something else."""

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins with one of these would be a formula in a spreadsheet."""


def separator(language: str) -> str:
    """Indonesian spreadsheets take the comma for decimals, so their columns part at semicolons."""
    return ";" if language == "id" else ","


def sales_csv(
    connection: Connection,
    wanted: SalesFilter,
    places: Sequence[Place],
    currency: Currency,
    language: str,
) -> Iterator[str]:
    """The file's text in pieces. Amounts are plain decimals, times local with their offset."""
    by_id = {place.id: place for place in places}
    yield BYTE_ORDER_MARK + _written([_head()], language)
    for rows in _batches(export_rows(connection, wanted, places)):
        tenders = read_tenders(connection, rows) if wanted.kind != "void" else {}
        lines = [_line(row, by_id[row.branch_id], tenders, currency) for row in rows]
        yield _written(lines, language)


def _head() -> list[str]:
    return [
        gettext("Branch"),
        gettext("Receipt"),
        gettext("Kind"),
        gettext("Business date"),
        gettext("Time"),
        gettext("Cashier"),
        gettext("Lines"),
        gettext("Goods"),
        gettext("Discount"),
        gettext("Tax"),
        gettext("Total"),
        gettext("Rounding"),
        gettext("Currency"),
        gettext("Tenders"),
    ]


def _line(
    row: Any, place: Place, tenders: Mapping[str, Sequence[str]], currency: Currency
) -> list[str]:
    def amount(value: int | None) -> str:
        return "" if value is None else to_decimal_string(value, currency)

    return [
        harmless(place.name),
        harmless(row.number),
        kind_name(row.kind),
        row.business_date.isoformat(),
        iso_local(row.at, place.zone),
        harmless(row.cashier),
        str(row.line_count),
        amount(row.goods_total),
        amount(row.discount_total),
        amount(row.tax_total),
        amount(row.total),
        amount(row.rounding),
        row.currency or currency.code,
        " + ".join(tender_name(kind) for kind in tenders.get(row.sale_id, ())),
    ]


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(FORMULA_SIGNS) else text


def _written(lines: Sequence[Sequence[str]], language: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator(language)).writerows(lines)
    return out.getvalue()


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
