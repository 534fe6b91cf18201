"""One product with its prices, categories with what is in them, and the choices of forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, func, select

from sentra.cloud.tables import (
    app_user,
    branch,
    category,
    product,
    product_barcode,
    product_price,
    tax,
)
from sentra.domain.tax import UNTAXED

PRICES_SHOWN_MAX: Final = 100
"""Prices of the history that a page shows, the newest first."""

PriceState = Literal["now", "planned", "past"]


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A price of the history. `branch_name` None: every branch. `until_ms` None: no end is set."""

    id: str
    branch_id: str | None
    branch_name: str | None
    amount: int
    from_ms: int
    until_ms: int | None
    by: str | None
    created_at_ms: int
    state: PriceState

    @property
    def may_go(self) -> bool:
        """Whether it can be taken back: what is planned, and what only one branch has."""
        return self.state == "planned" or (self.state == "now" and self.branch_id is not None)


@dataclass(frozen=True, slots=True)
class ProductDetail:
    """A product as its row is. Amounts in minor units, the minimum in thousandths."""

    id: str
    code: str
    name: str
    category_id: str | None
    brand: str
    unit: str
    tax_code: str
    cost: int | None
    stock_minimum_milli: int | None
    favourite: bool
    weighed: bool
    active: bool
    barcodes: tuple[str, ...]
    prices: tuple[PriceRow, ...]
    updated_at_ms: int
    created_at_ms: int

    @property
    def price(self) -> int | None:
        """The company's price that holds now."""
        found = (each for each in self.prices if each.state == "now" and each.branch_id is None)
        return next((each.amount for each in found), None)


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """A category and how many products on sale are in it."""

    id: str
    name: str
    position: int
    products: int


def read_product(connection: Connection, product_id: str, now_ms: int) -> ProductDetail | None:
    """The product with this id, or None."""
    row = connection.execute(select(product).where(product.c.id == product_id)).one_or_none()
    if row is None:
        return None
    barcodes = connection.execute(
        select(product_barcode.c.barcode)
        .where(product_barcode.c.product_id == product_id)
        .order_by(product_barcode.c.barcode)
    ).scalars()
    return ProductDetail(
        row.id,
        row.code,
        row.name,
        row.category_id,
        row.brand or "",
        row.unit,
        row.tax_code,
        row.cost,
        row.stock_minimum_milli,
        row.favourite,
        row.weighed,
        row.active,
        tuple(barcodes),
        read_prices(connection, product_id, now_ms),
        row.updated_at_ms,
        row.created_at_ms,
    )


def read_prices(connection: Connection, product_id: str, now_ms: int) -> tuple[PriceRow, ...]:
    """The prices of a product, the last to begin first; each ends where its successor begins."""
    c = product_price.c
    successor = func.lead(c.from_ms).over(partition_by=c.branch_id, order_by=c.from_ms)
    rows = connection.execute(
        select(
            c.id,
            c.branch_id,
            branch.c.name.label("branch_name"),
            c.amount,
            c.from_ms,
            successor.label("until_ms"),
            app_user.c.name.label("by"),
            c.created_at_ms,
        )
        .select_from(
            product_price.outerjoin(branch, branch.c.id == c.branch_id).outerjoin(
                app_user, app_user.c.id == c.created_by
            )
        )
        .where(c.product_id == product_id)
        .order_by(c.from_ms.desc(), c.branch_id)
        .limit(PRICES_SHOWN_MAX)
    )
    return tuple(PriceRow(*row, _state(row.from_ms, row.until_ms, now_ms)) for row in rows)


def read_categories(connection: Connection) -> tuple[CategoryRow, ...]:
    """Every category in the order of the tills' tiles."""
    counted = (
        select(product.c.category_id, func.count().label("products"))
        .where(product.c.active)
        .group_by(product.c.category_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            category.c.id,
            category.c.name,
            category.c.position,
            func.coalesce(counted.c.products, 0),
        )
        .select_from(category.outerjoin(counted, counted.c.category_id == category.c.id))
        .order_by(category.c.position, func.lower(category.c.name))
    )
    return tuple(CategoryRow(*row) for row in rows)


def count_without_category(connection: Connection) -> int:
    """How many products on sale are in no category."""
    question = select(func.count()).where(product.c.active, product.c.category_id.is_(None))
    return connection.execute(question).scalar_one()


def tax_choices(connection: Connection, untaxed: str) -> list[tuple[str, str]]:
    """(code, label) of each tax, with its newest rate's label; `untaxed` names having none."""
    rows = connection.execute(select(tax.c.code, tax.c.label).order_by(tax.c.valid_from))
    newest = {row.code: row.label for row in rows}
    choices = [
        (code, label if label.startswith(code) else f"{code} · {label}")
        for code, label in sorted(newest.items())
    ]
    return [*choices, (UNTAXED, untaxed)]


def _state(from_ms: int, until_ms: int | None, now_ms: int) -> PriceState:
    if from_ms > now_ms:
        return "planned"
    return "past" if until_ms is not None and until_ms <= now_ms else "now"
