"""What a feed says is prepared beside the catalogue, in short transactions, and then made true.

A cashier's "pay" waits for whoever writes, and a hundred thousand new names take ten seconds. So:

1. *Stage*: new rows of `product_row` get numbers behind `catalogue.last_number`; `staged_product`
   names the rows that go (no body) or change their body alone, `staged_decision` the rest. Nobody
   sees any of it: `product` and `decision` are views of what is in force.
2. *Put in force*: one short transaction moves the numbers' end, the switch `catalogue.in_force` and
   the feed's cursor. From then on the views show the new state, wholly.
3. *Sweep*: what the switch made true is written into the rows, and the staged tables are emptied.

A power cut before 2 leaves what `discard` throws away, one after it what `sweep` finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeVar, cast

import msgspec

from sentra.events import Product
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_decision
from sentra.protocol.feed import FeedItem
from sentra.vault.driver import Connection
from sentra.vault.feed_restart import Key, open_restart, restart_number
from sentra.vault.room import Room, go_on
from sentra.vault.words import index_words, note_gone, renew

ITEMS_AT_ONCE: Final = 200
"""Items of a feed written in one transaction: some 20 ms where all are products of a new name."""

FIRST_AT_ONCE: Final = 10_000
"""The same where nothing is in force yet: nobody can sell, and every commit writes pages anew."""

GATHERED: Final = 10_000
"""Changes brought into the order of names before they are written (some 20 MiB): of two hundred
that are neighbours in an index a commit writes far fewer pages."""

_KEYS_IN_ONE_QUERY: Final = 500
_PRODUCT: Final = msgspec.json.Decoder(Product)

How = Literal["said", "new", "body", "gone", "decision"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Change:
    """What one item changes. `number` is the product's row in force, `product` what is new."""

    how: How
    item: FeedItem
    number: int | None = None
    product: Product | None = None


def install(
    room: Room,
    scope: str,
    blocks: Iterable[Sequence[FeedItem]],
    finish: Callable[[Connection], None],
    give_way: Callable[[], None] = go_on,
) -> None:
    """Makes true what a scope says, wholly or not at all; `finish` moves its cursor with it.

    Each transaction touches at most ITEMS_AT_ONCE items; `give_way` is called behind each. Nothing
    of it is seen where `finish` or the blocks raise. A key may come once in all blocks.
    """
    _finish(room, give_way)
    with room.reader() as db:
        sells = db.execute("SELECT EXISTS (SELECT 1 FROM product)").fetchone()[0]
    at_once = ITEMS_AT_ONCE if sells else FIRST_AT_ONCE
    turn: int | None = None
    for some in _portions(room, scope, blocks, at_once):
        with room.writer() as db:
            turn = _take_turn(db, turn)
            _stage(db, scope, some)
        give_way()
    with room.writer() as db:
        finish(db)
        _take_turn(db, turn)
        _put_in_force(db)
    give_way()
    _finish(room, give_way)


def tidy(room: Room, give_way: Callable[[], None] = go_on) -> None:
    """Finishes what was put in force, throws away what never was, and renews the words."""
    _finish(room, give_way)
    renew(room, give_way)


def _portions(
    room: Room, scope: str, blocks: Iterable[Sequence[FeedItem]], at_once: int
) -> Iterator[Sequence[Change]]:
    """What is to be changed, so much of it as goes into one transaction."""
    gathered: list[Change] = []
    for block in blocks:
        with room.reader() as db:
            gathered += compare(db, scope, block)
        if len(gathered) >= GATHERED:
            yield from _cut(_in_order(gathered, at_once), at_once)
            gathered = []
    yield from _cut(_in_order(gathered, at_once), at_once)


def _in_order(changes: list[Change], at_once: int) -> list[Change]:
    """As neighbours lie in the tables; as they came where so many go into one transaction."""
    return changes if at_once >= GATHERED else sorted(changes, key=_neighbours)


def _neighbours(change: Change) -> tuple[int, str]:
    if change.product is None:
        return change.number or 0, ""
    return 0, change.product.name.casefold()


def _finish(room: Room, give_way: Callable[[], None]) -> None:
    while True:
        with room.reader() as db:
            if not _is_untidy(db):
                return
        with room.writer() as db:
            if _in_force(db):
                _sweep(db)
            else:
                _discard(db)
        give_way()


# --- Comparing ----------------------------------------------------------------------------------


def compare(db: Connection, scope: str, items: Sequence[FeedItem]) -> list[Change]:
    """What the items say otherwise than what is in force; of a key that comes twice, the last."""
    latest = {(item.kind, item.key): item for item in items}
    restart = open_restart(db, scope)
    products = [item for item in latest.values() if item.kind == "product"]
    others = [item for item in latest.values() if item.kind != "product"]
    found = [*_compare_products(db, scope, products), *_compare_others(db, scope, others)]
    return [change for change in found if change.how != "said" or restart]


def _compare_products(db: Connection, scope: str, items: Sequence[FeedItem]) -> Iterator[Change]:
    here: dict[str, tuple[int, str, bytes]] = {}
    for keys in _cut([item.key for item in items], _KEYS_IN_ONE_QUERY):
        query = (
            "SELECT product_id, number, scope, body FROM product"  # noqa: S608 - our own marks
            f" WHERE product_id IN ({','.join('?' * len(keys))})"
        )
        here |= {key: (number, *rest) for key, number, *rest in db.execute(query, keys)}
    for item in items:
        number, said_by, before = here.get(item.key, (None, "", b""))
        if item.body is not None and number is not None and said_by == scope:
            if before == item.body:
                yield Change("said", item, number)
                continue
            if differs_in_body_alone(before, item.body):
                yield Change("body", item, number)
                continue
        product = None if item.body is None else _product_of(item.body)
        if product is not None:
            yield Change("new", item, number, product)
        elif number is not None:
            yield Change("gone", item, number)


def _compare_others(db: Connection, scope: str, items: Sequence[FeedItem]) -> Iterator[Change]:
    query = "SELECT scope, body FROM decision WHERE kind = ? AND key = ?"
    for item in items:
        here = db.execute(query, (item.kind, item.key)).fetchone()
        if here is None and item.body is None:
            continue
        is_same = here is not None and tuple(here) == (scope, item.body)
        yield Change("said" if is_same else "decision", item)


def differs_in_body_alone(before: bytes, after: bytes) -> bool:
    """Whether a product is found and shown where it was: its words need not be found again, which
    costs a hundred times what a price does."""
    new = _product_of(after)
    if new is None:
        return False
    old = _PRODUCT.decode(before)
    searched = ("name", "code", "active", "category_id", "favourite", "barcodes")
    return all(getattr(old, name) == getattr(new, name) for name in searched)


def _product_of(body: bytes) -> Product | None:
    """None for a body that only a newer version understands: the others must not wait for it."""
    try:
        return cast(Product, decode_decision("product", body))
    except (UnknownKind, BodyUnreadable):
        return None


# --- Staging ------------------------------------------------------------------------------------


def _stage(db: Connection, scope: str, changes: Sequence[Change]) -> None:
    said = restart_number(db, scope)
    _stage_new(db, scope, said, [one for one in changes if one.how == "new"])
    marks = [
        (one.number, one.item.body if one.how == "body" else None)
        for one in changes
        if one.how in ("new", "body", "gone") and one.number is not None
    ]
    db.executemany("INSERT OR REPLACE INTO staged_product (number, body) VALUES (?, ?)", marks)
    # That a row was said anew may be known too early: what is not put in force is said again.
    db.executemany(
        "UPDATE product_row SET said = ? WHERE number = ?",
        [(said, one.number) for one in changes if one.how in ("said", "body") and one.number],
    )
    db.executemany(
        "UPDATE decision_row SET said = ? WHERE kind = ? AND key = ?",
        [(said, one.item.kind, one.item.key) for one in changes if one.how == "said"],
    )
    db.executemany(
        "INSERT OR REPLACE INTO staged_decision (kind, key, scope, body, said) VALUES (?,?,?,?,?)",
        [
            (one.item.kind, one.item.key, scope, one.item.body, said)
            for one in changes
            if one.how == "decision"
        ],
    )


def _take_turn(db: Connection, turn: int | None) -> int:
    """The number of who stages. Another's comes when all of it was discarded: then the rest alone
    must not be put in force. Raises RuntimeError, since a vault has one daemon."""
    present = int(db.execute("SELECT turn FROM catalogue").fetchone()[0])
    if turn is None:
        db.execute("UPDATE catalogue SET turn = turn + 1")
        return present + 1
    if turn != present:
        raise RuntimeError("what was staged was discarded meanwhile")
    return turn


def _stage_new(db: Connection, scope: str, said: int, changes: Sequence[Change]) -> None:
    """Rows, barcodes and words of products that nobody sees yet."""
    first = _highest_number(db) + 1
    new = [(n, one.item, one.product) for n, one in enumerate(changes, first) if one.product]
    db.executemany(
        "INSERT INTO product_row (number, product_id, code, name, category_id, favourite, active,"
        " body, scope, said) VALUES (?,?,?,?,?,?,?,?,?,?)",
        [
            (n, item.key, p.code, p.name, p.category_id, p.favourite, p.active, item.body, scope,
             said)
            for n, item, p in new
        ],
    )  # fmt: skip
    db.executemany(
        "INSERT OR IGNORE INTO barcode (barcode, number) VALUES (?, ?)",
        [(barcode, n) for n, _, p in new for barcode in p.barcodes],
    )
    index_words(db, [(n, p.name, p.code) for n, _, p in new if p.active])


def _highest_number(db: Connection) -> int:
    """Of all that were ever given: the words of rows that are gone are still in the index."""
    query = "SELECT max(last_number, coalesce((SELECT max(number) FROM product_row), 0))"
    return int(db.execute(f"{query} FROM catalogue").fetchone()[0])


def _put_in_force(db: Connection) -> None:
    db.execute(
        "UPDATE catalogue SET in_force = EXISTS (SELECT 1 FROM staged_product)"
        " OR EXISTS (SELECT 1 FROM staged_decision), last_number = ?",
        (_highest_number(db),),
    )


# --- Sweeping -----------------------------------------------------------------------------------


def _in_force(db: Connection) -> bool:
    return bool(db.execute("SELECT in_force FROM catalogue").fetchone()[0])


def _is_untidy(db: Connection) -> bool:
    query = (
        "SELECT in_force OR EXISTS (SELECT 1 FROM staged_product)"
        " OR EXISTS (SELECT 1 FROM staged_decision)"
        " OR EXISTS (SELECT 1 FROM product_row WHERE number > last_number) FROM catalogue"
    )
    return bool(db.execute(query).fetchone()[0])


def _sweep(db: Connection) -> None:
    """Writes a portion of what is in force into its rows; the switch goes back behind the last."""
    query = "SELECT number, body FROM staged_product ORDER BY number LIMIT ?"
    marks = db.execute(query, (ITEMS_AT_ONCE,)).fetchall()
    _drop_products(db, [(number,) for number, body in marks if body is None])
    db.executemany(
        "UPDATE product_row SET body = ? WHERE number = ?",
        [(body, number) for number, body in marks if body is not None],
    )
    _unmark(db, [(number,) for number, _ in marks])
    left = ITEMS_AT_ONCE - len(marks)
    query = "SELECT kind, key, scope, body, said FROM staged_decision LIMIT ?"
    said = db.execute(query, (left,)).fetchall()
    db.executemany(
        "INSERT OR REPLACE INTO decision_row (kind, key, scope, body, said) VALUES (?,?,?,?,?)",
        [row for row in said if row[3] is not None],
    )
    gone = [row[:2] for row in said if row[3] is None]
    db.executemany("DELETE FROM decision_row WHERE kind = ? AND key = ?", gone)
    keys = [row[:2] for row in said]
    db.executemany("DELETE FROM staged_decision WHERE kind = ? AND key = ?", keys)
    if len(marks) + len(said) < ITEMS_AT_ONCE:
        db.execute("UPDATE catalogue SET in_force = 0")


def _discard(db: Connection) -> None:
    """Throws away a portion of what was staged and never put in force."""
    db.execute("UPDATE catalogue SET turn = turn + 1")
    query = "SELECT number FROM product_row WHERE number > (SELECT last_number FROM catalogue)"
    rows = db.execute(f"{query} ORDER BY number LIMIT ?", (ITEMS_AT_ONCE,)).fetchall()
    _drop_products(db, rows)
    # Their numbers are used up: what follows is no more in force than it was.
    db.executemany("UPDATE catalogue SET last_number = ?", rows[-1:])
    marks = db.execute("SELECT number FROM staged_product LIMIT ?", (ITEMS_AT_ONCE,)).fetchall()
    _unmark(db, marks)
    query = "SELECT kind, key FROM staged_decision LIMIT ?"
    keys = db.execute(query, (ITEMS_AT_ONCE,)).fetchall()
    db.executemany("DELETE FROM staged_decision WHERE kind = ? AND key = ?", keys)


def _drop_products(db: Connection, numbers: Sequence[tuple[int]]) -> None:
    note_gone(db, len(numbers))
    db.executemany("DELETE FROM barcode WHERE number = ?", numbers)
    db.executemany("DELETE FROM product_row WHERE number = ?", numbers)


def _unmark(db: Connection, numbers: Sequence[tuple[int]]) -> None:
    db.executemany("DELETE FROM staged_product WHERE number = ?", numbers)


def deletions(keys: Iterable[Key]) -> Iterator[list[FeedItem]]:
    """Blocks of items that say of keys that they are no more."""
    items = (FeedItem(kind, key, None) for kind, key in sorted(keys))
    while block := list(islice(items, ITEMS_AT_ONCE)):
        yield block


def _cut(many: Sequence[_T], at_once: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(many), at_once):
        yield many[start : start + at_once]
