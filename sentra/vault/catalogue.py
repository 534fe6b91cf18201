"""The decisions that came down the feed: applied a revision at a time, read by the till."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from sentra.events import Branch, Category, Company, Decision, Device, Person, Product, Tax
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_decision
from sentra.protocol.feed import FeedItem, SealedRevision
from sentra.vault import feed_restart, staging
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.failures import CatalogueEmpty, RevisionOutOfOrder
from sentra.vault.room import Room, Within, go_on
from sentra.vault.search import search

__all__ = [
    "apply_in_steps",
    "apply_revision",
    "branch",
    "by_scan",
    "categories",
    "company",
    "cursor",
    "devices",
    "has_stale_items",
    "people",
    "product",
    "restart_feed",
    "search",
    "set_cursor",
    "settle_feed",
    "taxes",
    "tiles",
]

TILES_MAX: Final = 200
"""Tiles on one screen; more are found by searching."""

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
    if follows(db, revision):
        staging.install(Within(db), revision.scope, [items], partial(reach, revision=revision))


def apply_in_steps(
    vault: Vault,
    revision: SealedRevision,
    items: Sequence[FeedItem],
    give_way: Callable[[], None],
) -> None:
    """The same in short transactions, with `give_way` behind each. Raises the same."""
    with vault.reader() as db:
        if not follows(db, revision):
            return
    staging.install(vault, revision.scope, [items], partial(reach, revision=revision), give_way)


def follows(db: Connection, revision: SealedRevision) -> bool:
    """Whether it is the next of its scope; False where it is here. Raises RevisionOutOfOrder."""
    present = cursor(db, revision.scope)
    if revision.revision > present + 1:
        raise RevisionOutOfOrder(revision=revision.revision, scope=revision.scope, cursor=present)
    return revision.revision == present + 1


def reach(db: Connection, revision: SealedRevision) -> None:
    """Moves the cursor, in the transaction that puts the revision in force."""
    if follows(db, revision):
        set_cursor(db, revision.scope, revision.revision)


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
    feed_restart.begin_restart(db, scope)


def has_stale_items(db: Connection, scope: str) -> bool:
    """Whether `settle_feed` is due: the feed is read anew, and its end was not reached yet."""
    return feed_restart.open_restart(db, scope) > 0


def settle_feed(room: Room, scope: str, give_way: Callable[[], None] = go_on) -> None:
    """The feed is whole again: what it did not say anew is no more."""
    finish = partial(feed_restart.close_restart, scope=scope)
    staging.install(room, scope, _unsaid(room, scope), finish, give_way)


def _unsaid(room: Room, scope: str) -> Iterator[list[FeedItem]]:
    with room.reader() as db:
        gone = feed_restart.keys_unsaid(db, scope)
    yield from staging.deletions(gone)


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
