"""The list of products as CSV, under names that the import knows: what goes out comes in again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from flask_babel import gettext

from sentra.money import Currency, quantity_to_decimal_string, to_decimal_string
from webapp.catalogue.listing import ProductRow
from webapp.sales.export import BYTE_ORDER_MARK, harmless, separator

BATCH: Final = 1_000


def products_csv(rows: Iterable[ProductRow], currency: Currency, language: str) -> Iterator[str]:
    """The file's text in pieces; amounts are plain decimals of the currency."""
    yield BYTE_ORDER_MARK + _written([_head()], language)
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield _written([_line(row, currency) for row in batch], language)


def _head() -> list[str]:
    return [
        gettext("Code"),
        gettext("Barcode"),
        gettext("Name"),
        gettext("Category"),
        gettext("Brand"),
        gettext("Unit"),
        gettext("Price"),
        gettext("Cost"),
        gettext("Tax code"),
        gettext("Minimum stock"),
        gettext("On sale"),
    ]


def _line(row: ProductRow, currency: Currency) -> list[str]:
    def amount(value: int | None) -> str:
        return "" if value is None else to_decimal_string(value, currency)

    minimum = row.stock_minimum_milli
    return [
        harmless(row.code),
        harmless(" | ".join(row.barcodes)),
        harmless(row.name),
        harmless(row.category or ""),
        harmless(row.brand or ""),
        harmless(row.unit),
        amount(row.price),
        amount(row.cost),
        row.tax_code,
        "" if minimum is None else quantity_to_decimal_string(minimum),
        gettext("yes") if row.active else gettext("no"),
    ]


def _written(lines: list[list[str]], language: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator(language)).writerows(lines)
    return out.getvalue()
