"""Products and categories as tills get them: always read back from the rows, never from a form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from sentra.cloud import feed
from sentra.cloud.tables import category, product, product_barcode, product_price
from sentra.cloud.tables.columns import uuid_type
from sentra.events import Category, Price, Product
from sentra.protocol.feed import FeedItem

OLD_PRICE_MS: Final = 31 * 24 * 60 * 60 * 1000
"""How long tills keep a price after the next one took its place: a till whose clock is behind, or
that refunds at last week's price, still finds it."""

_BATCH: Final = 2_000

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('sentra catalogue', 0))")


def lock_catalogue(connection: Connection) -> None:
    """Let nobody else make products until this transaction ends."""
    connection.execute(_LOCK)


def product_items(
    connection: Connection, product_ids: Iterable[str], now_ms: int
) -> Iterator[FeedItem]:
    """The feed's items of these products, as their rows are now, in batches."""
    rest = iter(product_ids)
    while batch := list(islice(rest, _BATCH)):
        barcodes = _barcodes(connection, batch)
        prices = _prices(connection, batch, now_ms)
        wanted = product.c.id == _any(batch)
        for row in connection.execute(select(product).where(wanted).order_by(product.c.id)):
            body = Product(
                id=row.id,
                code=row.code,
                name=row.name,
                category_id=row.category_id,
                unit=row.unit,
                tax_code=row.tax_code,
                prices=prices[row.id],
                barcodes=barcodes[row.id],
                favourite=row.favourite,
                weighed=row.weighed,
                active=row.active,
                picture=row.picture,
            )
            yield feed.item("product", row.id, body)


def category_items(connection: Connection, category_ids: Sequence[str]) -> list[FeedItem]:
    """The feed's items of these categories; one that is gone is taken from the tills."""
    rows = connection.execute(select(category).where(category.c.id.in_(category_ids))).all()
    present = {row.id: Category(row.id, row.name, row.position) for row in rows}
    return [feed.item("category", each, present.get(each)) for each in category_ids]


def _barcodes(connection: Connection, batch: list[str]) -> dict[str, tuple[str, ...]]:
    c = product_barcode.c
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for row in connection.execute(
        select(c.product_id, c.barcode).where(c.product_id == _any(batch)).order_by(c.barcode)
    ):
        found[row.product_id] += (row.barcode,)
    return found


def _prices(connection: Connection, batch: list[str], now_ms: int) -> dict[str, tuple[Price, ...]]:
    c = product_price.c
    rows = connection.execute(
        select(c.product_id, c.amount, c.from_ms, c.branch_id)
        .where(c.product_id == _any(batch))
        .order_by(c.product_id, c.branch_id, c.from_ms)
    ).all()
    found: dict[str, tuple[Price, ...]] = defaultdict(tuple)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        same = following is not None and (following.product_id, following.branch_id) == (
            row.product_id,
            row.branch_id,
        )
        if not (same and following is not None and following.from_ms < now_ms - OLD_PRICE_MS):
            found[row.product_id] += (Price(row.amount, row.from_ms, row.branch_id),)
    return found


def _any(batch: list[str]) -> ColumnElement[Any]:
    """`= ANY(array)`: thousands of single parameters take SQLAlchemy seconds to compile."""
    return any_(bindparam(None, batch, type_=ARRAY(uuid_type)))
