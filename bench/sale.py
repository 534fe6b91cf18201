"""P1: what the cashier waits for, from "pay" to a sale that no power cut can take back.

The yardstick writes the very same rows (journal entry and tables) into a bare SQLCipher database
with the same settings, in turn with the till: one sale here, the same rows there.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2

from bench.report import Result, percentile
from bench.shop import Shop
from pos_shell.payment.actions import complete_sale
from pos_shell.sale.actions import scan
from pos_shell.sale.queries import rates_at
from pos_shell.sale.store import load_cart
from sentra.domain.payment import CASH, Offer
from sentra.domain.totals import total_up
from sentra.projection.tables import SHARED
from sentra.vault.schema import table_ddl

LINES = 3
WARM_UP = 20
_TABLES = ("journal_entry", *(table.name for table in SHARED))
_JOURNAL = """
CREATE TABLE journal_entry (
    epoch INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, schema INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL, business_date TEXT NOT NULL, body BLOB NOT NULL,
    hash BLOB NOT NULL, stored_at_ms INTEGER NOT NULL, PRIMARY KEY (epoch, seq)
) WITHOUT ROWID
"""


def bench_sale(sales: int) -> list[Result]:
    """The commit of `sales` sales of three lines, and of the same rows without Sentra."""
    with tempfile.TemporaryDirectory(prefix="sentra-bench-") as folder:
        shop = Shop(Path(folder) / "till", products=1_000)
        bare = _bare(Path(folder) / "bare.db")
        dice = random.Random(1)
        ours: list[float] = []
        theirs: list[float] = []
        for number in range(sales + WARM_UP):
            taken_s, rows = _sell(shop, dice)
            bare_s = _write(bare, rows)
            if number >= WARM_UP:
                ours.append(taken_s * 1000)
                theirs.append(bare_s * 1000)
        bare.close()
        shop.till.close()
    return _results(sorted(ours), sorted(theirs))


def _sell(shop: Shop, dice: random.Random) -> tuple[float, list[tuple[str, Any]]]:
    """(seconds from pay to paid, the rows that this sale wrote)."""
    till = shop.till
    for product in dice.sample(shop.products, LINES):
        scan(till, shop.person, product.code)
    with till.vault.reader() as db:
        cart = load_cart(db)
        assert cart is not None  # noqa: S101 - three lines were scanned
        total = total_up(cart, rates_at(db, till.identity, till.clock())).total
    offer = Offer(CASH, -(-total // 50_000) * 50_000)
    began_s = time.perf_counter()
    complete_sale(till, shop.person, cart.sale_id, [offer], expected_total=total)
    taken_s = time.perf_counter() - began_s
    return taken_s, _rows(shop, cart.sale_id)


def _rows(shop: Shop, sale_id: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    with shop.till.vault.reader() as db:
        entry = db.execute(
            "SELECT epoch, seq, kind, schema, recorded_at_ms, business_date, body, hash,"
            " stored_at_ms FROM journal_entry ORDER BY epoch DESC, seq DESC LIMIT 1"
        ).fetchone()
        found.append(("journal_entry", entry))
        for table, column in (
            ("sale", "sale_id"),
            ("sale_line", "sale_id"),
            ("sale_tax", "sale_id"),
            ("tender", "sale_id"),
            ("stock_movement", "source_id"),
        ):
            query = f'SELECT * FROM "{table}" WHERE {column} = ?'  # noqa: S608 - our own names
            found += [(table, row) for row in db.execute(query, (sale_id,))]
    return found


def _bare(path: Path) -> Any:
    db = dbapi2.connect(str(path), isolation_level=None)
    db.execute(f"PRAGMA key = \"x'{'5a' * 32}'\"")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(_JOURNAL)
    for table in SHARED:
        for statement in table_ddl(table):
            db.execute(statement)
    return db


def _write(db: Any, rows: list[tuple[str, Any]]) -> float:
    began_s = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    for table, row in rows:
        marks = ", ".join("?" * len(row))
        db.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)  # noqa: S608 - our own names
    db.execute("COMMIT")
    return time.perf_counter() - began_s


def _results(ours: list[float], theirs: list[float]) -> list[Result]:
    results = []
    for label, share in (("median", 0.5), ("p99", 0.99)):
        value, bare = percentile(ours, share), percentile(theirs, share)
        ratio = value / bare
        meets = ratio <= 2 and value <= 10 if label == "p99" else None
        reach = "≤ 2 × bare and ≤ 10 ms" if label == "p99" else ""
        what = f"sale committed, {label} of {len(ours)}"
        results.append(Result("P1", what, value, "ms", bare, ratio, reach, meets))
    return results
