"""Roll-ups against the rows that they sum up, added up by PostgreSQL: a year fits nowhere else.

The rows were proved to be what the facts give; so sums that are those of the rows are those of the
facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from sentra.finding import Finding, found
from sentra.projection.rollups import ROLLUPS

N_: Final = str

_SALES: Final = """
    SELECT branch_id, business_date, hour, terminal_id, cashier_id,
        count(*) FILTER (WHERE kind = 'sale') AS sale_count,
        count(*) FILTER (WHERE kind = 'refund') AS refund_count,
        sum(line_count) AS line_count, sum(total) AS total,
        sum(discount_total) AS discount_total, sum(tax_total) AS tax_total,
        sum(rounding) AS rounding,
        coalesce(sum(-total) FILTER (WHERE kind = 'refund'), 0) AS refund_total
    FROM sale WHERE {only} GROUP BY 1, 2, 3, 4, 5
"""
_TENDERS: Final = """
    SELECT branch_id, s.business_date, s.hour, s.terminal_id, t.kind,
        count(*) AS tender_count, sum(t.amount) AS amount
    FROM tender t JOIN sale s USING (branch_id, sale_id) WHERE {only} GROUP BY 1, 2, 3, 4, 5
"""
_PRODUCTS: Final = """
    SELECT branch_id, s.business_date, s.terminal_id, l.code, l.name,
        sum(l.quantity_milli) AS quantity_milli, sum(l.amount) AS amount
    FROM sale_line l JOIN sale s USING (branch_id, sale_id) WHERE {only} GROUP BY 1, 2, 3, 4, 5
"""
_STOCK: Final = """
    SELECT branch_id, product_id, terminal_id, sum(quantity_milli) AS quantity_milli
    FROM stock_movement WHERE {only} GROUP BY 1, 2, 3
"""
_OF_ROWS: Final = {
    "hourly_sales": _SALES,
    "hourly_tender": _TENDERS,
    "daily_product": _PRODUCTS,
    "stock_level": _STOCK,
}
"""What each roll-up must hold, from the rows."""

_FIRST: Final = """
    SELECT {keys}, {were}, {are} FROM ({of_rows}) AS w
    FULL JOIN (SELECT * FROM {table} WHERE {only}) AS t USING ({keys})
    WHERE ({were}) IS DISTINCT FROM ({are})
    ORDER BY {keys} LIMIT 1
"""


def first_wrong_sums(
    connection: Connection, branch_id: str, terminal_id: str | None = None
) -> Iterator[Finding]:
    """The first sum of each roll-up that is not what the rows give, of a branch or one terminal."""
    only = "branch_id = CAST(:branch AS uuid)"
    values = {"branch": branch_id}
    if terminal_id is not None:
        only += " AND terminal_id = CAST(:terminal AS uuid)"
        values["terminal"] = terminal_id
    for name, of_rows in _OF_ROWS.items():
        row = connection.execute(text(_statement(name, of_rows, only)), values).one_or_none()
        if row is not None:
            yield _wrong(name, row, branch_id, terminal_id)


def _statement(name: str, of_rows: str, only: str) -> str:
    table = ROLLUPS[name]
    sums = [column.name for column in table.columns if not column.primary_key]
    return _FIRST.format(
        keys=", ".join(column.name for column in table.primary_key),
        were=", ".join(f"w.{column}" for column in sums),
        are=", ".join(f"t.{column}" for column in sums),
        of_rows=of_rows.format(only=only),
        table=name,
        only=only,
    )


def _wrong(name: str, row: Row[Any], branch_id: str, terminal_id: str | None) -> Finding:
    width = len(ROLLUPS[name].primary_key)
    key, rest = row[:width], row[width:]
    middle = len(rest) // 2
    return found(
        "sums",
        0,
        0,
        N_("%(table)s %(key)s has %(said)s, its rows give %(given)s"),
        terminal_id=terminal_id,
        branch_id=branch_id,
        table=name,
        key=" ".join(map(str, key[1:])),
        said=_told(rest[middle:]),
        given=_told(rest[:middle]),
    )


def _told(sums: tuple[Any, ...]) -> str:
    return "–" if sums[0] is None else " ".join(str(one) for one in sums)
