"""What was decided, for the archive: each feed's whole state, and the rows that are made from it.

Facts need no decisions: a sale says what was sold, by whom and at which price. But a till reads
the feeds of a new timeline from their start and drops what they do not say, so a database that is
made from the archive alone must say it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select, text
from sqlalchemy.dialects import postgresql

from sentra.cloud.archive.container import FeedObject
from sentra.cloud.identity import new_id
from sentra.cloud.tables import (
    app_user,
    archive_feed,
    branch,
    category,
    product,
    product_barcode,
    product_price,
    tax,
)
from sentra.events import Category, Decision, Person, Product, Tax
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_decision
from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import unpack_items

EVERY_MS: Final = 6 * 60 * 60 * 1_000
"""A feed that changes all the time is archived this often: of 100,000 products some 20 MB a day."""

_DUE: Final = text("""
    SELECT h.scope FROM feed_head h CROSS JOIN company c
    LEFT JOIN archive_feed a ON a.scope = h.scope
    WHERE h.revision > 0 AND (a.scope IS NULL
        OR a.timeline <> c.timeline
        OR a.revision <> h.revision
            AND (CAST(:before_ms AS bigint) IS NULL OR a.archived_at_ms <= :before_ms))
    ORDER BY h.scope
""")


def feeds_due(connection: Connection, before_ms: int | None) -> Sequence[str]:
    """The scopes that say something that is not archived; with `before_ms`, those that were not
    archived since then. In a new timeline all are: the newest object may be of the one that the
    cloud has left."""
    return connection.execute(_DUE, {"before_ms": before_ms}).scalars().all()


def note_feed(connection: Connection, stored: FeedObject, timeline: str) -> None:
    """Write down how far a feed is archived."""
    values = {
        "timeline": timeline,
        "revision": stored.revision,
        "archived_at_ms": stored.at_ms,
    }
    new = postgresql.insert(archive_feed).values(scope=stored.scope, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["scope"], set_=values))


def items_of(stored: FeedObject) -> list[FeedItem]:
    """The state of its scope. Raises SnapshotDamaged."""
    return [item for block in unpack_items(stored.scope, [stored.packed]) for item in block]


def write_decided(
    connection: Connection, states: Mapping[str, Sequence[FeedItem]], now_ms: int
) -> None:
    """Make the rows of categories, products, taxes and people, in empty tables, from the states of
    the scopes. What no till is told is not among them: costs, sign-in names, passwords."""
    by_scope = {scope: list(_decisions(items)) for scope, items in states.items()}
    found = [one for decisions in by_scope.values() for one in decisions]
    categories = [one for one in found if isinstance(one, Category)]
    _write(connection, category, map(asdict, categories))
    _write(connection, tax, (asdict(one) for one in found if isinstance(one, Tax)))
    products = [one for one in found if isinstance(one, Product)]
    known = {one.id for one in categories}
    _write(connection, product, (_product_row(one, known, now_ms) for one in products))
    codes = ({"product_id": one.id, "barcode": code} for one in products for code in one.barcodes)
    _write(connection, product_barcode, codes)
    prices = (
        {"id": new_id(now_ms), "product_id": one.id, "created_at_ms": now_ms, **asdict(price)}
        for one in products
        for price in one.prices
    )
    _write(connection, product_price, prices)
    _write(connection, app_user, _people(connection, by_scope, now_ms))


def _decisions(items: Iterable[FeedItem]) -> Iterator[Decision]:
    for item in items:
        try:
            yield decode_decision(item.kind, item.body or b"")
        except (UnknownKind, BodyUnreadable):
            continue  # A newer version's: it has no row here, and is published as it is.


def _product_row(one: Product, categories: set[str], now_ms: int) -> dict[str, Any]:
    row = {name: value for name, value in asdict(one).items() if name in product.columns}
    if one.category_id not in categories:
        row["category_id"] = None
    return {**row, "created_at_ms": now_ms, "updated_at_ms": now_ms}


def _people(
    connection: Connection, by_scope: Mapping[str, Sequence[Decision]], now_ms: int
) -> Iterator[dict[str, Any]]:
    """Who is in the feed of every branch may work in each that is made later, too; where there is
    one branch alone, nobody says so."""
    branches = set(connection.execute(select(branch.c.id)).scalars())
    people: dict[str, Person] = {}
    places: dict[str, list[str]] = {}
    for scope, decisions in sorted(by_scope.items()):
        for one in decisions:
            if isinstance(one, Person):
                people[one.id] = one
                places.setdefault(one.id, []).append(scope)
    for person_id, one in people.items():
        everywhere = len(branches) > 1 and branches <= set(places[person_id])
        yield {
            **asdict(one),
            "roles": list(one.roles),
            "branch_ids": None if everywhere else places[person_id],
            "created_at_ms": now_ms,
        }


def _write(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    values = list(rows)
    if values:
        connection.execute(insert(table), values)
