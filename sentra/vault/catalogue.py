"""The decisions that came down the feed: applied a revision at a time, read by the till."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import msgspec

from sentra.events import Branch, Category, Company, Decision, Device, Person, Product, Tax
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_decision
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.vault.driver import Connection
from sentra.vault.failures import CatalogueEmpty, RevisionOutOfOrder
from sentra.vault.search import index_words, search

__all__ = [
    "apply_items",
    "apply_revision",
    "branch",
    "by_scan",
    "categories",
    "company",
    "cursor",
    "devices",
    "differs_in_body_alone",
    "has_stale_items",
    "people",
    "product",
    "restart_feed",
    "search",
    "set_cursor",
    "settle_feed",
    "taxes",
    "tiles",
    "write_bodies",
]

TILES_MAX: Final = 200
"""Tiles on one screen; more are found by searching."""

_KEYS_IN_ONE_QUERY: Final = 500
_SEARCHED: Final = ("name", "code", "active", "category_id", "favourite", "barcodes")
"""What tables beside the body are made of."""
_PRODUCT: Final = msgspec.json.Decoder(Product)
_D = TypeVar("_D")


def cursor(db: Connection, scope: str) -> int:
    """The last revision of the scope that was applied; 0 before the first."""
    row = db.execute("SELECT revision FROM feed_cursor WHERE scope = ?", (scope,)).fetchone()
    return int(row[0]) if row else 0


def apply_revision(db: Connection, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
    """Applies one revision wholly; inside `writer()`, so that it is wholly or not at all.

    One that was applied before changes nothing. `items` are those of `open_revision`, which
    verified them. Raises RevisionOutOfOrder where one is missing in between.
    """
    present = cursor(db, revision.scope)
    if revision.revision <= present:
        return
    if revision.revision != present + 1:
        raise RevisionOutOfOrder(revision=revision.revision, scope=revision.scope, cursor=present)
    apply_items(db, revision.scope, items)
    set_cursor(db, revision.scope, revision.revision)


def apply_items(db: Connection, scope: str, items: Sequence[FeedItem]) -> None:
    """What a scope says of some keys; inside `writer()`. The caller moves the cursor."""
    _apply_products(db, scope, [item for item in items if item.kind == "product"])
    for item in items:
        if item.kind == "product":
            continue
        if item.body is None:
            db.execute("DELETE FROM decision WHERE kind = ? AND key = ?", (item.kind, item.key))
        else:
            row = (item.kind, item.key, scope, item.body)
            db.execute(
                "INSERT OR REPLACE INTO decision (kind, key, scope, body) VALUES (?,?,?,?)", row
            )


def set_cursor(db: Connection, scope: str, revision: int) -> None:
    """The last revision of the scope that is applied; inside the transaction that applied it."""
    db.execute(
        "INSERT OR REPLACE INTO feed_cursor (scope, revision) VALUES (?, ?)", (scope, revision)
    )


def restart_feed(db: Connection, scope: str) -> None:
    """Reads the scope from its first revision again, after the cloud was restored.

    What is here stays until it is replaced or `settle_feed` finds that it was not said anew, so
    that the till goes on selling meanwhile.
    """
    db.execute("DELETE FROM feed_cursor WHERE scope = ?", (scope,))
    for table in ("product", "decision"):
        db.execute(f"UPDATE {table} SET stale = 1 WHERE scope = ?", (scope,))  # noqa: S608


def has_stale_items(db: Connection, scope: str) -> bool:
    """Whether `settle_feed` has anything to do."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM product WHERE stale = 1 AND scope = ?1)"
        " OR EXISTS (SELECT 1 FROM decision WHERE stale = 1 AND scope = ?1)"
    )
    return bool(db.execute(query, (scope,)).fetchone()[0])


def settle_feed(db: Connection, scope: str) -> None:
    """The feed is whole again: what it did not say anew is no more."""
    rows = db.execute("SELECT product_id FROM product WHERE stale = 1 AND scope = ?", (scope,))
    _forget_products(db, [key for (key,) in rows.fetchall()])
    db.execute("DELETE FROM decision WHERE stale = 1 AND scope = ?", (scope,))


def _apply_products(db: Connection, scope: str, items: Sequence[FeedItem]) -> None:
    """All products of a revision at once: a new till gets a hundred thousand of them."""
    latest = {item.key: item.body for item in items}
    wanted = {
        key: (body, product)
        for key, body in latest.items()
        if body is not None and (product := _product_of(body)) is not None
    }
    renewed = _renew_products(db, scope, wanted)
    _forget_products(db, [key for key in latest if key not in renewed])
    first = db.execute("SELECT coalesce(max(number), 0) + 1 FROM product").fetchone()[0]
    new = [(key, *wanted[key]) for key in wanted if key not in renewed]
    taken = [(number, *one) for number, one in enumerate(new, first)]
    db.executemany(
        "INSERT INTO product"
        " (number, product_id, code, name, category_id, favourite, active, body, scope)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (n, key, p.code, p.name, p.category_id, p.favourite, p.active, body, scope)
            for n, key, body, p in taken
        ],
    )
    _add_barcodes(db, [(n, p) for n, _, _, p in taken])
    index_words(db, [(n, p.name, p.code) for n, _, _, p in taken if p.active])


def _renew_products(
    db: Connection, scope: str, wanted: Mapping[str, tuple[bytes, Product]]
) -> set[str]:
    """Writes over the products that are found as before; which they are.

    A price list changes every product and no name: finding the words of a name again costs
    hundreds of times what the price does.
    """
    renewed: set[str] = set()
    written: list[tuple[bytes, int]] = []
    moved: list[tuple[str | None, bool, int]] = []
    scanned: list[tuple[int, Product]] = []
    keys = list(wanted)
    for start in range(0, len(keys), _KEYS_IN_ONE_QUERY):
        some = keys[start : start + _KEYS_IN_ONE_QUERY]
        marks = ",".join("?" for _ in some)
        query = (
            "SELECT number, product_id, body FROM product"  # noqa: S608 - our own marks
            f" WHERE scope = ? AND stale = 0 AND product_id IN ({marks})"
        )
        for number, key, before in db.execute(query, (scope, *some)).fetchall():
            body, product = wanted[key]
            old = _PRODUCT.decode(before)
            if (old.name, old.code, old.active) != (product.name, product.code, product.active):
                continue
            renewed.add(key)
            written.append((body, number))
            if (old.category_id, old.favourite) != (product.category_id, product.favourite):
                moved.append((product.category_id, product.favourite, number))
            if old.barcodes != product.barcodes:
                scanned.append((number, product))
    # A column that is named is written into its index again, also where it is as before.
    write_bodies(db, written)
    db.executemany("UPDATE product SET category_id = ?, favourite = ? WHERE number = ?", moved)
    db.executemany("DELETE FROM barcode WHERE number = ?", [(n,) for n, _ in scanned])
    _add_barcodes(db, scanned)
    return renewed


def differs_in_body_alone(before: bytes, after: bytes) -> bool:
    """Whether a product is found and shown where it was: only its body has to be written."""
    new = _product_of(after)
    if new is None:
        return False
    old = _PRODUCT.decode(before)
    return all(getattr(old, name) == getattr(new, name) for name in _SEARCHED)


def write_bodies(db: Connection, bodies: Iterable[tuple[bytes, int]]) -> None:
    """(body, number) of products that differ in nothing else; inside `writer()`."""
    db.executemany("UPDATE product SET body = ? WHERE number = ?", bodies)


def _add_barcodes(db: Connection, products: Iterable[tuple[int, Product]]) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO barcode (barcode, number) VALUES (?, ?)",
        [(barcode, n) for n, p in products for barcode in p.barcodes],
    )


def _product_of(body: bytes) -> Product | None:
    """None for a body that only a newer version understands: the others must not wait for it."""
    try:
        return cast(Product, decode_decision("product", body))
    except (UnknownKind, BodyUnreadable):
        return None


def _forget_products(db: Connection, keys: Sequence[str]) -> None:
    for start in range(0, len(keys), _KEYS_IN_ONE_QUERY):
        some = keys[start : start + _KEYS_IN_ONE_QUERY]
        marks = ",".join("?" for _ in some)
        query = f"SELECT number FROM product WHERE product_id IN ({marks})"  # noqa: S608
        numbers = db.execute(query, some).fetchall()
        db.executemany("DELETE FROM product_words WHERE rowid = ?", numbers)
        db.executemany("DELETE FROM product WHERE number = ?", numbers)


# --- Products -----------------------------------------------------------------------------------


def product(db: Connection, product_id: str) -> Product | None:
    """The product, also one that is no longer sold."""
    row = db.execute("SELECT body FROM product WHERE product_id = ?", (product_id,)).fetchone()
    return _PRODUCT.decode(row[0]) if row else None


def by_scan(db: Connection, code: str) -> Product | None:
    """The product on sale with this barcode, or with this code (in any case)."""
    text = code.strip()
    row = db.execute(
        "SELECT p.body FROM barcode b JOIN product p ON p.number = b.number"
        " WHERE b.barcode = ? AND p.active ORDER BY p.number LIMIT 1",
        (text,),
    ).fetchone()
    if row is None:
        row = db.execute(
            "SELECT body FROM product WHERE code = ? COLLATE NOCASE AND active"
            " ORDER BY number LIMIT 1",
            (text,),
        ).fetchone()
    return _PRODUCT.decode(row[0]) if row else None


def tiles(db: Connection, category_id: str | None, limit: int = TILES_MAX) -> list[Product]:
    """Products of a category by name; without one the favourites."""
    where = "favourite = 1" if category_id is None else "category_id = :category"
    rows = db.execute(
        f"SELECT body FROM product WHERE {where} AND active"  # noqa: S608 - our own words
        " ORDER BY name COLLATE NOCASE LIMIT :limit",
        {"category": category_id, "limit": limit},
    )
    return [_PRODUCT.decode(body) for (body,) in rows]


# --- The other decisions ------------------------------------------------------------------------


def categories(db: Connection) -> list[Category]:
    """In the order in which tiles show them."""
    return sorted(_all(db, "category", Category), key=lambda c: (c.position, c.name.casefold()))


def taxes(db: Connection) -> tuple[Tax, ...]:
    """Every dated rate."""
    return tuple(_all(db, "tax", Tax))


def people(db: Connection) -> list[Person]:
    """Who may work at this till, by name."""
    return sorted(_all(db, "person", Person), key=lambda person: person.name.casefold())


def devices(db: Connection) -> list[Device]:
    """Every device of the branch, revoked ones too, by role and number."""
    return sorted(_all(db, "device", Device), key=lambda device: (device.role, device.number))


def branch(db: Connection) -> Branch:
    """This branch. Raises CatalogueEmpty before the first feed."""
    return _only(db, "branch", Branch)


def company(db: Connection) -> Company:
    """The company. Raises CatalogueEmpty before the first feed."""
    return _only(db, "company", Company)


def _only(db: Connection, kind: str, shape: type[_D]) -> _D:
    found = _all(db, kind, shape)
    if not found:
        raise CatalogueEmpty(kind=kind)
    return found[0]


def _all(db: Connection, kind: str, shape: type[_D]) -> list[_D]:
    rows = db.execute("SELECT body FROM decision WHERE kind = ? ORDER BY key", (kind,))
    found: list[Any] = [_read(kind, body) for (body,) in rows]
    return [decision for decision in found if isinstance(decision, shape)]


def _read(kind: str, body: bytes) -> Decision | None:
    try:
        return decode_decision(kind, body)
    except (UnknownKind, BodyUnreadable):
        return None
