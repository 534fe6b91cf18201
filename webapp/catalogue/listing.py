"""The list of products: what the address asks for, and its rows by their place in the order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, exists, func, literal, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from sentra.cloud.tables import category, product, product_barcode, product_price
from sentra.ids import is_id

PAGE_ROWS: Final = 50
SORTS: Final = ("name", "-name", "code", "-code", "price", "-price", "-updated", "updated")
STATES: Final = ("", "off", "all", "favourite", "below-cost", "no-price")
"""On sale (the default), no longer sold, both, and what may need a look."""

NONE: Final = "none"
"""Chosen instead of a category: the products that have none."""

TEXT_LENGTH_MAX: Final = 80
CURSOR_LENGTH_MAX: Final = 400
INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a product in the order: the sort column's value as text, and its id."""

    value: str
    product_id: str

    def __str__(self) -> str:
        return f"{self.product_id}~{self.value}"


@dataclass(frozen=True, slots=True)
class ProductsWanted:
    """Which products, and from which place in the order on."""

    text: str = ""
    category: str = ""
    state: str = ""
    sort: str = "name"
    after: Cursor | None = None
    before: Cursor | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether anything narrows the list."""
        return bool(self.text or self.category or self.state)


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A line of the list. `price` and `cost` are minor units; `price` holds now, everywhere."""

    id: str
    code: str
    name: str
    category: str | None
    brand: str | None
    unit: str
    price: int | None
    cost: int | None
    tax_code: str
    stock_minimum_milli: int | None
    favourite: bool
    active: bool
    updated_at_ms: int
    barcodes: tuple[str, ...]

    @property
    def is_below_cost(self) -> bool:
        """Whether it sells for less than it costs."""
        return self.price is not None and self.cost is not None and 0 < self.price < self.cost


@dataclass(frozen=True, slots=True)
class ProductsFound:
    """One page of products, and where the pages around it begin."""

    rows: tuple[ProductRow, ...]
    total: int
    newer: Cursor | None
    older: Cursor | None


def read_wanted(args: Mapping[str, str]) -> ProductsWanted:
    """What an address asks for; what cannot be read is left out."""
    sort, state, chosen = args.get("sort", ""), args.get("state", ""), args.get("category", "")
    return ProductsWanted(
        text=args.get("q", "").replace("\0", "").strip()[:TEXT_LENGTH_MAX],
        category=chosen if chosen == NONE or is_id(chosen) else "",
        state=state if state in STATES else "",
        sort=sort if sort in SORTS else "name",
        after=_cursor(args.get("after", "")),
        before=_cursor(args.get("before", "")),
    )


def read_products(connection: Connection, wanted: ProductsWanted, now_ms: int) -> ProductsFound:
    """One page of what is wanted."""
    backwards = wanted.before is not None
    columns = _columns(now_ms)
    place = columns[wanted.sort.lstrip("-")].label("place")
    question = _question(wanted, columns).add_columns(place)
    question = question.order_by(*_order(wanted.sort, columns, backwards))
    beyond = _beyond(wanted, columns, backwards)
    if beyond is not None:
        question = question.where(beyond)
    rows = connection.execute(question.limit(PAGE_ROWS + 1)).all()
    more, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
    ordered = rows[::-1] if backwards else rows
    has_newer = more if backwards else wanted.after is not None
    has_older = backwards or more
    return ProductsFound(
        tuple(_row(row) for row in ordered),
        _count(connection, wanted, columns),
        Cursor(str(ordered[0].place), ordered[0].id) if ordered and has_newer else None,
        Cursor(str(ordered[-1].place), ordered[-1].id) if ordered and has_older else None,
    )


def every_product(
    connection: Connection, wanted: ProductsWanted, now_ms: int
) -> Iterator[ProductRow]:
    """All that is wanted, in order, read from the server piece by piece."""
    columns = _columns(now_ms)
    question = _question(wanted, columns).order_by(*_order(wanted.sort, columns, backwards=False))
    rows = connection.execution_options(yield_per=1_000).execute(question)
    return (_row(row) for row in rows)


def present_price(now_ms: int) -> ColumnElement[int | None]:
    """The company's price of the row's product at an instant."""
    c = product_price.c
    return (
        select(c.amount)
        .where(c.product_id == product.c.id, c.branch_id.is_(None), c.from_ms <= now_ms)
        .order_by(c.from_ms.desc())
        .limit(1)
        .scalar_subquery()
    )


def _columns(now_ms: int) -> dict[str, ColumnElement[Any]]:
    barcodes = (
        select(func.array_agg(product_barcode.c.barcode))
        .where(product_barcode.c.product_id == product.c.id)
        .scalar_subquery()
    )
    price = present_price(now_ms)
    return {
        "name": func.lower(product.c.name),
        "code": func.lower(product.c.code),
        "price": func.coalesce(price, -1),
        "updated": product.c.updated_at_ms,
        "id": product.c.id,
        "price_shown": price,
        "barcodes": barcodes,
    }


def _question(wanted: ProductsWanted, columns: dict[str, ColumnElement[Any]]) -> Select[Any]:
    return (
        select(
            product,
            category.c.name.label("category_name"),
            columns["price_shown"].label("price"),
            columns["barcodes"].label("barcodes"),
        )
        .select_from(product.outerjoin(category, category.c.id == product.c.category_id))
        .where(*_wheres(wanted, columns))
    )


def _wheres(
    wanted: ProductsWanted, columns: dict[str, ColumnElement[Any]]
) -> Iterator[ColumnElement[bool]]:
    if wanted.state != "all":
        yield product.c.active.is_(wanted.state != "off")
    if wanted.state == "favourite":
        yield product.c.favourite
    if wanted.state == "below-cost":
        yield columns["price_shown"].between(1, product.c.cost - 1)
    if wanted.state == "no-price":
        yield columns["price"] <= 0
    if wanted.category == NONE:
        yield product.c.category_id.is_(None)
    elif wanted.category:
        yield product.c.category_id == wanted.category
    for word in wanted.text.split():
        scanned = exists().where(
            product_barcode.c.product_id == product.c.id,
            product_barcode.c.barcode.startswith(word, autoescape=True),
        )
        yield or_(
            product.c.name.icontains(word, autoescape=True),
            product.c.code.icontains(word, autoescape=True),
            product.c.brand.icontains(word, autoescape=True),
            scanned,
        )


def _order(
    sort: str, columns: dict[str, ColumnElement[Any]], backwards: bool
) -> tuple[ColumnElement[Any], ...]:
    chosen, tie = columns[sort.lstrip("-")], columns["id"]
    descending = sort.startswith("-") != backwards
    return (chosen.desc(), tie.desc()) if descending else (chosen.asc(), tie.asc())


def _beyond(
    wanted: ProductsWanted, columns: dict[str, ColumnElement[Any]], backwards: bool
) -> ColumnElement[bool] | None:
    cursor = wanted.before if backwards else wanted.after
    if cursor is None:
        return None
    name = wanted.sort.lstrip("-")
    value: int | str = cursor.value
    if name in ("price", "updated"):
        digits = cursor.value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or int(digits) > INT64_MAX:
            return None
        value = int(cursor.value)
    pair = tuple_(columns[name], columns["id"])
    edge = tuple_(literal(value), literal(cursor.product_id, columns["id"].type))
    descending = wanted.sort.startswith("-") != backwards
    return pair < edge if descending else pair > edge


def _cursor(text: str) -> Cursor | None:
    product_id, mark, value = text.partition("~")
    if len(text) > CURSOR_LENGTH_MAX or not mark or not is_id(product_id):
        return None
    return Cursor(value.replace("\0", ""), product_id)


def _count(
    connection: Connection, wanted: ProductsWanted, columns: dict[str, ColumnElement[Any]]
) -> int:
    question = select(func.count()).select_from(product).where(*_wheres(wanted, columns))
    return connection.execute(question).scalar_one()


def _row(row: Any) -> ProductRow:
    return ProductRow(
        row.id,
        row.code,
        row.name,
        row.category_name,
        row.brand,
        row.unit,
        row.price,
        row.cost,
        row.tax_code,
        row.stock_minimum_milli,
        row.favourite,
        row.active,
        row.updated_at_ms,
        tuple(sorted(row.barcodes or ())),
    )
