"""What a file's items change: held against the catalogue as it is, before anything is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from sentra.cloud.company import CompanyFacts, default_tax
from sentra.cloud.tables import category, product, product_barcode, product_price, tax
from sentra.money import currency as currency_of
from webapp.catalogue.importing.rows import Item, Rules


@dataclass(frozen=True, slots=True)
class Changed:
    """A product that the file says something new about.

    `columns` are the values of its row that change; `price` None: it stays as it is.
    """

    product_id: str
    item: Item
    columns: Mapping[str, Any]
    category: str | None
    price: int | None
    barcodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an import would write. `categories` are names that are not there yet."""

    new: tuple[Item, ...]
    changed: tuple[Changed, ...]
    unchanged: int
    categories: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.new or self.changed)


@dataclass(frozen=True, slots=True)
class _Present:
    """A product as it is. `category` is folded; `price` is the one that holds now everywhere."""

    id: str
    category: str
    values: Mapping[str, Any]
    price: int | None
    barcodes: frozenset[str]


def rules_of(connection: Connection, company: CompanyFacts) -> Rules:
    """What the rows of a file for this company are held against."""
    rows = connection.execute(select(tax.c.code, tax.c.label).order_by(tax.c.valid_from)).all()
    labels = {row.label.casefold(): row.code for row in rows}
    codes = {row.code.casefold(): row.code for row in rows}
    return Rules(currency_of(company.currency), default_tax(company.currency), labels | codes)


def make_plan(connection: Connection, items: Sequence[Item], now_ms: int) -> Plan:
    """Compare each item with the product of its code, in any case of letters.

    What the file does not say stays as it is; barcodes are added, never taken away.
    """
    present = _read_present(connection, now_ms)
    new, changed = [], []
    for item in items:
        known = present.get(item.code.casefold())
        if known is None:
            new.append(item)
        elif (change := _change(known, item)) is not None:
            changed.append(change)
    unchanged = len(items) - len(new) - len(changed)
    wanted = [*(item.category for item in new), *(each.category or "" for each in changed)]
    return Plan(tuple(new), tuple(changed), unchanged, _missing_categories(connection, wanted))


def fold(name: str) -> str:
    """A category's name as it is compared."""
    return name.casefold()


def _change(known: _Present, item: Item) -> Changed | None:
    said = {
        "name": item.name,
        "brand": item.brand or None,
        "unit": item.unit or None,
        "tax_code": item.tax_code or None,
        "cost": item.cost,
        "stock_minimum_milli": item.stock_minimum_milli,
    }
    columns = {
        name: value
        for name, value in said.items()
        if value is not None and value != known.values[name]
    }
    moved = bool(item.category) and fold(item.category) != known.category
    price = item.price if item.price != known.price else None
    barcodes = tuple(each for each in item.barcodes if each not in known.barcodes)
    if not (columns or moved or price is not None or barcodes):
        return None
    named = item.category if moved else None
    return Changed(known.id, item, columns, named, price, barcodes)


def _read_present(connection: Connection, now_ms: int) -> dict[str, _Present]:
    names = {row.id: fold(row.name) for row in connection.execute(select(category))}
    prices = _present_prices(connection, now_ms)
    barcodes: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(select(product_barcode.c.product_id, product_barcode.c.barcode)):
        barcodes[row.product_id].add(row.barcode)
    found = {}
    for row in connection.execute(select(product).order_by(product.c.created_at_ms.desc())):
        found[row.code.casefold()] = _Present(
            row.id,
            names.get(row.category_id, ""),
            row._asdict(),
            prices.get(row.id),
            frozenset(barcodes.get(row.id, ())),
        )
    return found


def _present_prices(connection: Connection, now_ms: int) -> dict[str, int]:
    c = product_price.c
    rows = connection.execute(
        select(c.product_id, c.amount)
        .where(c.branch_id.is_(None), c.from_ms <= now_ms)
        .order_by(c.product_id, c.from_ms)
    )
    return {row.product_id: row.amount for row in rows}


def _missing_categories(connection: Connection, wanted: Sequence[str]) -> tuple[str, ...]:
    """Names without a category, each as it was spelled first."""
    there = {fold(name) for name in connection.execute(select(category.c.name)).scalars()}
    missing: dict[str, str] = {}
    for name in wanted:
        if name and fold(name) not in there:
            missing.setdefault(fold(name), name)
    return tuple(missing.values())
