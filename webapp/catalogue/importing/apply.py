"""A plan becomes rows and feed revisions, all in the transaction of one change.

Rows go in as arrays, a batch at a time: a hundred thousand products take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import TextClause, func, select, text

from sentra.cloud.identity import new_id
from sentra.cloud.tables import category
from sentra.protocol.feed import COMPANY
from webapp.catalogue.importing.plan import Changed, Plan, fold
from webapp.catalogue.importing.rows import Item, Rules
from webapp.catalogue.importing.values import WEIGHED_UNITS
from webapp.catalogue.publishing import category_items, product_items
from webapp.change import Change

BATCH_ROWS: Final = 2_000
"""Rows of one statement; also how often progress is told."""

Progress = Callable[[int, int], None]
"""Told (products written, products to write)."""

_T = TypeVar("_T")


def _insert(table: str, columns: dict[str, str]) -> TextClause:
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())
    return text(
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - our own names only
        f" SELECT * FROM unnest({arrays})"
    )


_PRODUCTS: Final = _insert(
    "product",
    {
        "id": "uuid",
        "code": "text",
        "name": "text",
        "category_id": "uuid",
        "brand": "text",
        "unit": "text",
        "tax_code": "text",
        "cost": "bigint",
        "stock_minimum_milli": "bigint",
        "weighed": "boolean",
        "created_at_ms": "bigint",
        "updated_at_ms": "bigint",
    },
)
_BARCODES: Final = _insert("product_barcode", {"product_id": "uuid", "barcode": "text"})
_PRICES: Final = text("""
    INSERT INTO product_price (id, product_id, amount, from_ms, created_by, created_at_ms)
    SELECT id, product_id, amount, from_ms, CAST(:created_by AS uuid), :now_ms
    FROM unnest(CAST(:id AS uuid[]), CAST(:product_id AS uuid[]), CAST(:amount AS bigint[]),
                CAST(:from_ms AS bigint[])) AS new (id, product_id, amount, from_ms)
    ON CONFLICT ON CONSTRAINT product_price_once DO UPDATE SET amount = excluded.amount
""")
_CHANGES: Final = text("""
    UPDATE product SET
        name = coalesce(new.name, product.name),
        category_id = coalesce(new.category_id, product.category_id),
        brand = coalesce(new.brand, product.brand),
        unit = coalesce(new.unit, product.unit),
        tax_code = coalesce(new.tax_code, product.tax_code),
        cost = coalesce(new.cost, product.cost),
        stock_minimum_milli = coalesce(new.stock_minimum_milli, product.stock_minimum_milli),
        updated_at_ms = :now_ms
    FROM unnest(CAST(:id AS uuid[]), CAST(:name AS text[]), CAST(:category_id AS uuid[]),
                CAST(:brand AS text[]), CAST(:unit AS text[]), CAST(:tax_code AS text[]),
                CAST(:cost AS bigint[]), CAST(:stock_minimum_milli AS bigint[]))
        AS new (id, name, category_id, brand, unit, tax_code, cost, stock_minimum_milli)
    WHERE product.id = new.id
""")


def apply_plan(
    change: Change,
    plan: Plan,
    rules: Rules,
    progress: Progress,
) -> None:
    """Write the plan's products, prices and categories, and put them on the feed."""
    if plan.is_empty:
        return
    categories = _make_categories(change, plan.categories)
    total, done = len(plan.new) + len(plan.changed), 0
    progress(done, total)
    touched: list[str] = []
    for batch in _batches(plan.new):
        touched += _write_new(change, batch, categories, rules)
        progress(done := done + len(batch), total)
    for changes in _batches(plan.changed):
        touched += _write_changed(change, changes, categories)
        progress(done := done + len(changes), total)
    change.publish(COMPANY, product_items(change.connection, touched, change.now_ms))


def _make_categories(change: Change, names: Sequence[str]) -> dict[str, str]:
    """Folded name -> id of every category, after the missing ones were made and published."""
    connection = change.connection
    last: int = connection.execute(
        select(func.coalesce(func.max(category.c.position), 0))
    ).scalar_one()
    rows = [
        {"id": new_id(change.now_ms), "name": name, "position": position}
        for position, name in enumerate(names, last + 1)
    ]
    if rows:
        connection.execute(category.insert(), rows)
        change.publish(COMPANY, category_items(connection, [str(row["id"]) for row in rows]))
    return {
        fold(row.name): row.id for row in connection.execute(select(category.c.id, category.c.name))
    }


def _write_new(
    change: Change, items: Sequence[Item], categories: dict[str, str], rules: Rules
) -> list[str]:
    ids = [new_id(change.now_ms) for _ in items]
    columns: dict[str, Any] = {
        "id": ids,
        "code": [item.code for item in items],
        "name": [item.name for item in items],
        "category_id": [categories.get(fold(item.category)) for item in items],
        "brand": [item.brand or None for item in items],
        "unit": [item.unit for item in items],
        "tax_code": [item.tax_code or rules.tax_code for item in items],
        "cost": [item.cost for item in items],
        "stock_minimum_milli": [item.stock_minimum_milli for item in items],
        "weighed": [item.unit in WEIGHED_UNITS for item in items],
        "created_at_ms": [change.now_ms] * len(items),
        "updated_at_ms": [change.now_ms] * len(items),
    }
    change.connection.execute(_PRODUCTS, columns)
    _write_barcodes(change, [(each, item.barcodes) for each, item in zip(ids, items, strict=True)])
    # The first price holds from the beginning: what was sold offline before has one too.
    prices = [(each, item.price, 0) for each, item in zip(ids, items, strict=True)]
    _write_prices(change, prices)
    return ids


def _write_changed(
    change: Change, changes: Sequence[Changed], categories: dict[str, str]
) -> list[str]:
    ids = [each.product_id for each in changes]
    columns: dict[str, Any] = {
        name: [each.columns.get(name) for each in changes]
        for name in ("name", "brand", "unit", "tax_code", "cost", "stock_minimum_milli")
    }
    columns["id"] = ids
    columns["category_id"] = [categories.get(fold(each.category or "")) for each in changes]
    change.connection.execute(_CHANGES, columns | {"now_ms": change.now_ms})
    _write_barcodes(change, [(each.product_id, each.barcodes) for each in changes])
    prices = [
        (each.product_id, each.price, change.now_ms) for each in changes if each.price is not None
    ]
    _write_prices(change, prices)
    return ids


def _write_barcodes(change: Change, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    pairs = [(product_id, each) for product_id, barcodes in wanted for each in barcodes]
    if pairs:
        columns = {
            "product_id": [product_id for product_id, _ in pairs],
            "barcode": [barcode for _, barcode in pairs],
        }
        change.connection.execute(_BARCODES, columns)


def _write_prices(change: Change, prices: Sequence[tuple[str, int, int]]) -> None:
    if prices:
        columns = {
            "id": [new_id(change.now_ms) for _ in prices],
            "product_id": [product_id for product_id, _, _ in prices],
            "amount": [amount for _, amount, _ in prices],
            "from_ms": [from_ms for _, _, from_ms in prices],
            "created_by": change.actor.user_id,
            "now_ms": change.now_ms,
        }
        change.connection.execute(_PRICES, columns)


def _batches(items: Sequence[_T]) -> Iterator[tuple[_T, ...]]:
    rest = iter(items)
    while batch := tuple(islice(rest, BATCH_ROWS)):
        yield batch
