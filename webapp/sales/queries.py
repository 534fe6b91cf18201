"""Lists of sales, paged by their place in the order, so that page 900 costs what page 1 does.

Each branch is asked on its own for the rows of one page, by its index, and the answers are
merged: no question reads more than pages × branches rows, however many sales there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    Table,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement

from sentra.cloud.tables import branch, sale, tender, void
from sentra.instants import from_datetime
from webapp.places import Place
from webapp.sales.filters import Cursor, SalesFilter

PAGE_ROWS: Final = 50
EXPORT_ROWS_MAX: Final = 100_000
"""Rows of one CSV: a spreadsheet takes a million, a download over a phone's line does not."""

SUMMARY_DAYS_MAX: Final = 92
"""A quarter of sales is added up while somebody waits; more is a report."""

DATE_SLACK: Final = timedelta(days=2)
"""How far a sale's instant may lie outside its business date: a shift past midnight, any zone."""

INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SaleRow:
    """A line of the list. `kind` is sale, refund or void; a refund's amounts are negative."""

    branch_id: str
    sale_id: str
    kind: str
    number: str
    at_ms: int
    business_date: str
    cashier: str
    line_count: int
    total: int
    rounding: int
    place: Place
    tenders: tuple[str, ...] = ()
    refunded: bool = False


@dataclass(frozen=True, slots=True)
class SalesList:
    """One page of sales, and where the pages around it begin."""

    rows: tuple[SaleRow, ...]
    newer: Cursor | None
    older: Cursor | None


@dataclass(frozen=True, slots=True)
class Summary:
    """How many sales the filter finds, and their sum."""

    count: int
    total: int


def read_sales(connection: Connection, wanted: SalesFilter, places: Sequence[Place]) -> SalesList:
    """One page of what the filter asks for, in these branches."""
    backwards = wanted.before is not None
    rows = list(connection.execute(_page(wanted, places, PAGE_ROWS + 1, backwards)))
    more = len(rows) > PAGE_ROWS
    rows = rows[:PAGE_ROWS]
    if backwards:
        rows.reverse()
    by_id = {place.id: place for place in places}
    found = tuple(_row(row, by_id[row.branch_id]) for row in rows)
    has_newer = more if backwards else wanted.after is not None
    has_older = wanted.before is not None if backwards else more
    return SalesList(
        _with_details(connection, found),
        _place_of(found[0], wanted.sort) if found and has_newer else None,
        _place_of(found[-1], wanted.sort) if found and has_older else None,
    )


def read_summary(
    connection: Connection, wanted: SalesFilter, places: Sequence[Place]
) -> Summary | None:
    """Count and sum of all that the filter finds; None over too long a time to add up at once."""
    if not (wanted.first and wanted.last) or not places:
        return None
    span = date.fromisoformat(wanted.last) - date.fromisoformat(wanted.first)
    if span.days >= SUMMARY_DAYS_MAX:
        return None
    columns = _columns(wanted.kind)
    total = columns["total"]
    row = connection.execute(
        select(func.count().label("found"), func.coalesce(func.sum(total), 0).label("total")).where(
            columns["branch_id"].in_([place.id for place in places]), *_wheres(wanted, columns)
        )
    ).one()
    return Summary(row.found, int(row.total))


def count_up_to(
    connection: Connection, wanted: SalesFilter, places: Sequence[Place], most: int
) -> int:
    """How many rows the filter finds; `most` where there are that many or more."""
    columns = _columns(wanted.kind)
    found = (
        select(literal(1))
        .where(columns["branch_id"].in_([p.id for p in places]), *_wheres(wanted, columns))
        .limit(most)
        .subquery()
    )
    return connection.execute(select(func.count()).select_from(found)).scalar_one()


def export_rows(
    connection: Connection, wanted: SalesFilter, places: Sequence[Place]
) -> Iterator[Any]:
    """Every row that the filter finds, in order, read from the server piece by piece."""
    columns = _columns(wanted.kind, whole=True)
    question = (
        select(*(each.label(name) for name, each in columns.items()))
        .where(columns["branch_id"].in_([p.id for p in places]), *_wheres(wanted, columns))
        .order_by(*_order(wanted.sort, columns, backwards=False))
        .limit(EXPORT_ROWS_MAX)
    )
    return iter(connection.execution_options(yield_per=2_000).execute(question))


def _row(row: Any, place: Place) -> SaleRow:
    return SaleRow(
        row.branch_id,
        row.sale_id,
        row.kind,
        row.number,
        row.at,
        row.business_date.isoformat(),
        row.cashier,
        row.line_count,
        row.total,
        row.rounding,
        place,
    )


def _place_of(row: SaleRow, sort: str) -> Cursor:
    value = {"at": row.at_ms, "total": row.total, "number": row.number}[sort.lstrip("-")]
    return Cursor(str(value), row.sale_id)


def _columns(kind: str, *, whole: bool = False) -> dict[str, ColumnElement[Any]]:
    """The columns of a list by name, from the table of sales or from that of voids."""
    table: Table = void if kind == "void" else sale
    at = table.c.voided_at_ms if kind == "void" else table.c.completed_at_ms
    named: dict[str, ColumnElement[Any]] = {
        "branch_id": table.c.branch_id,
        "sale_id": table.c.sale_id,
        "kind": literal("void") if kind == "void" else table.c.kind,
        "number": table.c.receipt_number,
        "at": at,
        "business_date": table.c.business_date,
        "cashier": table.c.cashier_name,
        "line_count": table.c.line_count,
        "total": table.c.total,
        "rounding": literal(0) if kind == "void" else table.c.rounding,
    }
    if whole:
        for name in ("goods_total", "discount_total", "tax_total", "currency"):
            named[name] = literal(None) if kind == "void" else table.c[name]
    return named


def _page(wanted: SalesFilter, places: Sequence[Place], limit: int, backwards: bool) -> Select[Any]:
    columns = _columns(wanted.kind)
    order = _order(wanted.sort, columns, backwards)
    one_branch = (
        select(*(each.label(name) for name, each in columns.items()))
        .where(columns["branch_id"] == branch.c.id, *_wheres(wanted, columns))
        .order_by(*order)
        .limit(limit)
    )
    if (beyond := _beyond(wanted, columns, backwards)) is not None:
        one_branch = one_branch.where(beyond)
    merged = one_branch.lateral("merged")
    outer: dict[str, ColumnElement[Any]] = {name: merged.c[name] for name in columns}
    return (
        select(*outer.values())
        .select_from(branch.join(merged, true()))
        .where(branch.c.id.in_([place.id for place in places]))
        .order_by(*_order(wanted.sort, outer, backwards))
        .limit(limit)
    )


def _order(
    sort: str, columns: dict[str, ColumnElement[Any]], backwards: bool
) -> tuple[ColumnElement[Any], ...]:
    chosen, tie = columns[sort.lstrip("-")], columns["sale_id"]
    descending = sort.startswith("-") != backwards
    return (chosen.desc(), tie.desc()) if descending else (chosen.asc(), tie.asc())


def _beyond(
    wanted: SalesFilter, columns: dict[str, ColumnElement[Any]], backwards: bool
) -> ColumnElement[bool] | None:
    cursor = wanted.before if backwards else wanted.after
    if cursor is None:
        return None
    name = wanted.sort.lstrip("-")
    value: int | str = cursor.value
    if name != "number":
        digits = cursor.value.lstrip("-")
        if not digits.isascii() or not digits.isdigit() or int(digits) > INT64_MAX:
            return None
        value = int(cursor.value)
    pair = tuple_(columns[name], columns["sale_id"])
    edge = tuple_(
        literal(value, columns[name].type), literal(cursor.sale_id, columns["sale_id"].type)
    )
    descending = wanted.sort.startswith("-") != backwards
    return pair < edge if descending else pair > edge


def _wheres(
    wanted: SalesFilter, columns: dict[str, ColumnElement[Any]]
) -> Iterator[ColumnElement[bool]]:
    if wanted.kind in ("sale", "refund"):
        yield columns["kind"] == wanted.kind
    if wanted.first:
        first = date.fromisoformat(wanted.first)
        yield columns["business_date"] >= first
        yield columns["at"] >= _midnight_ms(first) - _slack_ms()
    if wanted.last:
        last = date.fromisoformat(wanted.last)
        yield columns["business_date"] <= last
        yield columns["at"] < _midnight_ms(last) + 86_400_000 + _slack_ms()
    if wanted.cashier:
        yield columns["cashier"].icontains(wanted.cashier, autoescape=True)
    if wanted.number:
        yield columns["number"].icontains(wanted.number, autoescape=True)
    if wanted.least is not None:
        yield func.abs(columns["total"]) >= wanted.least
    if wanted.most is not None:
        yield func.abs(columns["total"]) <= wanted.most
    if wanted.tender:
        yield _paid_by(wanted.tender, columns)


def _paid_by(kind: str, columns: dict[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    return exists().where(
        tender.c.branch_id == columns["branch_id"],
        tender.c.sale_id == columns["sale_id"],
        tender.c.kind == kind,
    )


def _midnight_ms(day: date) -> int:
    return from_datetime(datetime.combine(day, time(), UTC))


def _slack_ms() -> int:
    return int(DATE_SLACK.total_seconds() * 1000)


def _with_details(connection: Connection, rows: tuple[SaleRow, ...]) -> tuple[SaleRow, ...]:
    """The rows with how they were paid, and whether they were refunded."""
    if not rows:
        return rows
    tenders = read_tenders(connection, rows)
    branches = {row.branch_id for row in rows}
    refunded = set(
        connection.execute(
            select(sale.c.original_sale_id).where(
                sale.c.branch_id.in_(branches),
                sale.c.original_sale_id.in_([row.sale_id for row in rows]),
            )
        ).scalars()
    )
    return tuple(
        replace(row, tenders=tenders.get(row.sale_id, ()), refunded=row.sale_id in refunded)
        for row in rows
    )


def read_tenders(connection: Connection, rows: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """The kinds of tender by sale id, of rows with `branch_id` and `sale_id`."""
    by_branch: dict[str, list[str]] = {}
    for row in rows:
        by_branch.setdefault(row.branch_id, []).append(row.sale_id)
    t = tender.c
    wheres = [and_(t.branch_id == one, t.sale_id.in_(ids)) for one, ids in by_branch.items()]
    found: dict[str, tuple[str, ...]] = {}
    question = select(t.sale_id, t.kind).where(or_(*wheres)).order_by(t.sale_id, t.position)
    for sale_id, kind in connection.execute(question):
        found[sale_id] = (*found.get(sale_id, ()), kind)
    return found
