"""The sums that the cloud keeps beside the rows, so that reports need not read sale lines.

Increments are added up over a batch in memory and then upserted once for each key. The terminal
is part of every key: two tills never wait for each other's row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    MetaData,
    SmallInteger,
    String,
    Table,
    Uuid,
)

from sentra.events import Fact, RefundCompleted, SaleCompleted, StockMoved
from sentra.instants import local_hour
from sentra.projection.rows import Place

metadata = MetaData()
_id = Uuid(as_uuid=False)


def _key(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False)


def _sum(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


hourly_sales = Table(
    "hourly_sales",
    metadata,
    _key("branch_id", _id),
    _key("business_date", Date),
    _key("hour", SmallInteger),
    _key("terminal_id", _id),
    _key("cashier_id", String),
    _sum("sale_count"),
    _sum("refund_count"),
    _sum("line_count"),
    _sum("total"),
    _sum("discount_total"),
    _sum("tax_total"),
    _sum("rounding"),
    _sum("refund_total"),
)

hourly_tender = Table(
    "hourly_tender",
    metadata,
    _key("branch_id", _id),
    _key("business_date", Date),
    _key("hour", SmallInteger),
    _key("terminal_id", _id),
    _key("kind", String),
    _sum("tender_count"),
    _sum("amount"),
)

daily_product = Table(
    "daily_product",
    metadata,
    _key("branch_id", _id),
    _key("business_date", Date),
    _key("terminal_id", _id),
    _key("code", String),
    _key("name", String),
    _sum("quantity_milli"),
    _sum("amount"),
)

stock_level = Table(
    "stock_level",
    metadata,
    _key("branch_id", _id),
    _key("product_id", _id),
    _key("terminal_id", _id),
    _sum("quantity_milli"),
)

ROLLUPS = {table.name: table for table in (hourly_sales, hourly_tender, daily_product, stock_level)}
"""By name; in each, the columns behind the primary key are sums."""

SumsByKey = dict[tuple[Any, ...], list[int]]
Increments = dict[str, SumsByKey]


def no_increments() -> Increments:
    """An empty batch."""
    return {name: {} for name in ROLLUPS}


def _add(sums: SumsByKey, key: tuple[Any, ...], *amounts: int) -> None:
    row = sums.setdefault(key, [0] * len(amounts))
    for index, amount in enumerate(amounts):
        row[index] += amount


def _add_sale(batch: Increments, place: Place, fact: SaleCompleted) -> None:
    hour = local_hour(fact.completed_at_ms, fact.zone)
    branch, terminal, date = place.branch_id, place.terminal_id, fact.business_date
    _add(
        batch["hourly_sales"],
        (branch, date, hour, terminal, fact.cashier_id),
        1,
        0,
        len(fact.lines),
        fact.total,
        fact.discount_total,
        fact.tax_total,
        fact.rounding,
        0,
    )
    for tender in fact.tenders:
        key = (branch, date, hour, terminal, tender.kind)
        _add(batch["hourly_tender"], key, 1, tender.amount)
    products, stock = batch["daily_product"], batch["stock_level"]
    # The inner loop of a backlog: written out, it takes half the time of a call for each sum.
    for line in fact.lines:
        sold = products.setdefault((branch, date, terminal, line.code, line.name), [0, 0])
        sold[0] += line.quantity_milli
        sold[1] += line.amount
        if line.product_id is not None:
            left = stock.setdefault((branch, line.product_id, terminal), [0])
            left[0] -= line.quantity_milli


def _add_refund(batch: Increments, place: Place, fact: RefundCompleted) -> None:
    hour = local_hour(fact.completed_at_ms, fact.zone)
    branch, terminal, date = place.branch_id, place.terminal_id, fact.business_date
    _add(
        batch["hourly_sales"],
        (branch, date, hour, terminal, fact.cashier_id),
        0,
        1,
        len(fact.lines),
        -fact.total,
        0,
        -fact.tax_total,
        -fact.rounding,
        fact.total,
    )
    for tender in fact.tenders:
        key = (branch, date, hour, terminal, tender.kind)
        _add(batch["hourly_tender"], key, 1, -tender.amount)
    for line in fact.lines:
        product = (branch, date, terminal, line.code, line.name)
        _add(batch["daily_product"], product, -line.quantity_milli, -line.amount)
        if line.product_id is not None and line.restocked:
            _add(batch["stock_level"], (branch, line.product_id, terminal), line.quantity_milli)


def _add_stock(batch: Increments, place: Place, fact: StockMoved) -> None:
    key = (place.branch_id, fact.product_id, place.terminal_id)
    _add(batch["stock_level"], key, fact.quantity_milli)


_ADDERS: dict[type[Fact], Callable[[Increments, Place, Any], None]] = {
    SaleCompleted: _add_sale,
    RefundCompleted: _add_refund,
    StockMoved: _add_stock,
}


def add(batch: Increments, place: Place, fact: Fact) -> None:
    """Adds what this fact contributes; facts without sums add nothing."""
    adder = _ADDERS.get(type(fact))
    if adder is not None:
        adder(batch, place, fact)
