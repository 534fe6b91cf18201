"""What is decided about products, prices and categories. Tills get each of it within seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from sentra.cloud.identity import new_id
from sentra.cloud.tables import category, product, product_barcode, product_price
from sentra.failures import Failure
from sentra.protocol.feed import COMPANY
from webapp.catalogue.publishing import category_items, lock_catalogue, product_items
from webapp.change import Change


class CatalogueError(Failure):
    """The family: something about the catalogue cannot be as it was asked for."""

    code = "catalogue"


class CodeTaken(CatalogueError):
    """Codes tell products apart, also for the next import."""

    code = "catalogue-code-taken"
    sentence = "Another product has the code %(given)s already. Choose another one."


class CategoryTaken(CatalogueError):
    """Two tiles of one name could not be told apart."""

    code = "catalogue-category-taken"
    sentence = "There is a category called %(given)s already."


class CategoryInUse(CatalogueError):
    """Its products would be left without one."""

    code = "catalogue-category-in-use"
    sentence = "There are products in this category. Move them to another one first."


class PriceGone(CatalogueError):
    """It was taken back already, or is the one that every branch sells at."""

    code = "catalogue-price-gone"
    sentence = "That price cannot be taken back any more."


def create_product(change: Change, values: dict[str, Any]) -> str:
    """Make a product with its first price; its id. Raises CodeTaken."""
    lock_catalogue(change.connection)
    c = product.c
    taken = select(c.id).where(func.lower(c.code) == values["code"].lower())
    if change.connection.execute(taken).first() is not None:
        raise CodeTaken(given=values["code"])
    columns, barcodes, price = _split(values)
    product_id = new_id(change.now_ms)
    change.connection.execute(
        product.insert().values(
            id=product_id,
            created_at_ms=change.now_ms,
            updated_at_ms=change.now_ms,
            **columns,
        )
    )
    _add_barcodes(change, product_id, barcodes)
    # From the beginning, so that a till whose clock is behind has a price for it too.
    _put_price(change, product_id, price, None, 0)
    _publish(change, product_id)
    change.audit("catalogue.create", "product", product_id, **_told(values))
    return product_id


def edit_product(change: Change, product_id: str, values: dict[str, Any]) -> None:
    """Change a product's row and barcodes; its code stays, because sales and imports name it."""
    columns, barcodes, _price = _split(values)
    connection, c = change.connection, product_barcode.c
    before = connection.execute(
        select(product).where(product.c.id == product_id).with_for_update()
    ).one()
    known = set(connection.execute(select(c.barcode).where(c.product_id == product_id)).scalars())
    changed: dict[str, Any] = {
        name: [getattr(before, name), value]
        for name, value in columns.items()
        if getattr(before, name) != value
    }
    if known != set(barcodes):
        changed["barcodes"] = [sorted(known), sorted(barcodes)]
        gone = known - set(barcodes)
        connection.execute(
            delete(product_barcode).where(c.product_id == product_id, c.barcode.in_(gone))
        )
        _add_barcodes(change, product_id, tuple(set(barcodes) - known))
    if changed:
        connection.execute(
            update(product)
            .where(product.c.id == product_id)
            .values(**columns, updated_at_ms=change.now_ms)
        )
        _publish(change, product_id)
    change.audit("catalogue.edit", "product", product_id, **changed)


def set_price(
    change: Change, product_id: str, amount: int, branch_id: str | None, from_ms: int | None
) -> None:
    """Let a price begin, now (None) or at a later instant, in one branch or everywhere (None).

    One that was to begin at the very same instant is replaced.
    """
    begins_ms = change.now_ms if from_ms is None else from_ms
    _put_price(change, product_id, amount, branch_id, begins_ms)
    _touch(change, product_id)
    _publish(change, product_id)
    change.audit(
        "catalogue.price",
        "product",
        product_id,
        branch_id=branch_id,
        amount=amount,
        from_ms=begins_ms,
    )


def withdraw_price(change: Change, product_id: str, price_id: str) -> None:
    """Take back a price that has not begun, or that only one branch has. Raises PriceGone.

    A branch whose own prices are taken back sells at the company's again.
    """
    c = product_price.c
    row = change.connection.execute(
        select(product_price).where(c.id == price_id, c.product_id == product_id)
    ).one_or_none()
    if row is None or (row.branch_id is None and row.from_ms <= change.now_ms):
        raise PriceGone
    # The branch's prices before one that holds now would come back to life otherwise.
    earlier = and_(c.branch_id == row.branch_id, c.from_ms <= row.from_ms)
    gone = earlier if row.from_ms <= change.now_ms else c.id == price_id
    change.connection.execute(delete(product_price).where(c.product_id == product_id, gone))
    _touch(change, product_id)
    _publish(change, product_id)
    change.audit(
        "catalogue.withdraw_price",
        "product",
        product_id,
        branch_id=row.branch_id,
        amount=row.amount,
        from_ms=row.from_ms,
    )


def create_category(change: Change, name: str) -> str:
    """Make a category, last in the order; its id. Raises CategoryTaken."""
    category_id = new_id(change.now_ms)
    last = change.connection.execute(
        select(func.coalesce(func.max(category.c.position), 0))
    ).scalar_one()
    _require_free(change, name, category_id)
    change.connection.execute(
        category.insert().values(id=category_id, name=name, position=last + 1)
    )
    _publish_categories(change, category_id)
    change.audit("catalogue.create_category", "category", category_id, name=name)
    return category_id


def rename_category(change: Change, category_id: str, name: str) -> None:
    """Give a category another name. Raises CategoryTaken."""
    _require_free(change, name, category_id)
    change.connection.execute(
        update(category).where(category.c.id == category_id).values(name=name)
    )
    _publish_categories(change, category_id)
    change.audit("catalogue.edit_category", "category", category_id, name=name)


def move_category(change: Change, category_id: str, steps: int) -> None:
    """Move a category up (-1) or down (1) in the order of the tills' tiles."""
    c = category.c
    rows = change.connection.execute(
        select(c.id, c.position).order_by(c.position, func.lower(c.name)).with_for_update()
    ).all()
    ids = [row.id for row in rows]
    at = ids.index(category_id)
    ids.insert(max(0, at + steps), ids.pop(at))
    before = {row.id: row.position for row in rows}
    moved = [(each, position) for position, each in enumerate(ids, 1) if before[each] != position]
    for each, position in moved:
        change.connection.execute(update(category).where(c.id == each).values(position=position))
    _publish_categories(change, *(each for each, _ in moved))
    change.audit("catalogue.move_category", "category", category_id, steps=steps)


def delete_category(change: Change, category_id: str) -> None:
    """Remove a category without products. Raises CategoryInUse."""
    try:
        with change.connection.begin_nested():
            change.connection.execute(delete(category).where(category.c.id == category_id))
    except IntegrityError as error:
        raise CategoryInUse from error
    _publish_categories(change, category_id)
    change.audit("catalogue.delete_category", "category", category_id)


def _split(values: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...], int]:
    """(the row's columns, its barcodes, its first price)."""
    columns = {name: value for name, value in values.items() if name not in ("barcodes", "price")}
    return columns, values["barcodes"], values.get("price", 0)


def _told(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if name == "barcodes" else value for name, value in values.items()}


def _add_barcodes(change: Change, product_id: str, barcodes: tuple[str, ...]) -> None:
    if barcodes:
        rows = [{"product_id": product_id, "barcode": each} for each in barcodes]
        change.connection.execute(product_barcode.insert(), rows)


def _put_price(
    change: Change, product_id: str, amount: int, branch_id: str | None, from_ms: int
) -> None:
    new = insert(product_price).values(
        id=new_id(change.now_ms),
        product_id=product_id,
        branch_id=branch_id,
        amount=amount,
        from_ms=from_ms,
        created_by=change.actor.user_id,
        created_at_ms=change.now_ms,
    )
    kept = {"amount": new.excluded.amount, "created_by": new.excluded.created_by}
    change.connection.execute(new.on_conflict_do_update(constraint="product_price_once", set_=kept))


def _touch(change: Change, product_id: str) -> None:
    change.connection.execute(
        update(product).where(product.c.id == product_id).values(updated_at_ms=change.now_ms)
    )


def _publish(change: Change, product_id: str) -> None:
    change.publish(COMPANY, product_items(change.connection, [product_id], change.now_ms))


def _publish_categories(change: Change, *category_ids: str) -> None:
    change.publish(COMPANY, category_items(change.connection, category_ids))


def _require_free(change: Change, name: str, category_id: str) -> None:
    c = category.c
    taken = select(c.id).where(func.lower(c.name) == name.lower(), c.id != category_id)
    if change.connection.execute(taken).first() is not None:
        raise CategoryTaken(given=name)
