"""A change of the catalogue is written in short transactions, and seen only when it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sentra.events import Price, Product
from sentra.protocol.feed import FeedItem
from sentra.vault import catalogue, snapshots, staging
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity
from tests.fakes.snapshots import MemorySnapshot, a_snapshot
from tests.support.tills import a_revision
from tests.unit.vault.test_snapshots import items, product

Till = tuple[Vault, Identity]
PRODUCTS = 120
AT_ONCE = 10
ROWS_OF_A_PRODUCT = 16
"""Rows of tables and of the words' index that one product touches at most."""


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "ITEMS_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(staging, "FIRST_AT_ONCE", AT_ONCE)


class Counted:
    """A vault whose transactions are counted by the rows that they change."""

    def __init__(self, vault: Vault) -> None:
        self.reader = vault.reader
        self._vault = vault
        self.rows: list[int] = []

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        with self._vault.writer() as db:
            before = db.total_changes
            yield db
            self.rows.append(db.total_changes - before)


def a_download(vault: Vault, revision: int, said: list[FeedItem]) -> MemorySnapshot:
    made = a_snapshot("company", revision, said)
    with vault.writer() as db:
        snapshots.begin(db, made.note)
        snapshots.add_part(db, made.note, 0, made.packed)
    return made


def renamed(one: Product) -> Product:
    return replace(one, name=f"{one.name} baru", prices=(Price(7),))


GOODS = [product(n) for n in range(PRODUCTS)]


def test_no_transaction_of_a_snapshot_touches_more_than_a_portion(till: Till) -> None:
    vault, _ = till
    for revision, said in enumerate((items(*GOODS), items(*map(renamed, GOODS)), []), 1):
        made = a_download(vault, revision, said)
        counted = Counted(vault)
        snapshots.apply_snapshot(counted, made.note)
        assert len(counted.rows) >= PRODUCTS / AT_ONCE
        assert max(counted.rows) <= AT_ONCE * ROWS_OF_A_PRODUCT
        with vault.reader() as db:
            assert catalogue.cursor(db, "company") == revision
            assert db.execute("SELECT count(*) FROM product_row").fetchone()[0] == len(said)


def test_until_it_is_whole_the_till_finds_what_was_and_then_what_is(till: Till) -> None:
    vault, _ = till
    with vault.writer() as db:
        catalogue.apply_revision(
            db, *a_revision("company", 1, [("product", one.id, one) for one in GOODS])
        )
    seen: list[tuple[int, int, int]] = []

    def look() -> None:
        with vault.reader() as db:
            found = catalogue.search(db, "baru", PRODUCTS * 2)
            scanned = catalogue.by_scan(db, "8990000")
            assert scanned is not None
            count = db.execute("SELECT count(*) FROM product").fetchone()[0]
            seen.append((len(found), scanned.prices[0].amount, count))

    changes = [("product", one.id, renamed(one)) for one in GOODS]
    revision = a_revision("company", 2, changes)
    catalogue.apply_in_steps(vault, *revision, look)
    old, new = (0, 1_000, PRODUCTS), (100, 7, PRODUCTS)
    assert seen == sorted(seen, key=lambda one: one[1], reverse=True)
    assert set(seen) == {old, new}, "a search looks at a hundred at most"


def test_a_feed_read_anew_writes_only_what_it_says_otherwise(till: Till) -> None:
    vault, _ = till
    snapshots.apply_snapshot(vault, a_download(vault, 1, items(*GOODS)).note)
    with vault.reader() as db:
        before = db.execute("SELECT number, product_id FROM product ORDER BY 1").fetchall()
    counted = Counted(vault)
    with counted.writer() as db:
        catalogue.restart_feed(db, "company")
    made = a_download(vault, 1, items(*GOODS))
    snapshots.apply_snapshot(counted, made.note)
    with vault.reader() as db:
        assert db.execute("SELECT number, product_id FROM product ORDER BY 1").fetchall() == before
        assert not catalogue.has_stale_items(db, "company")
    assert max(counted.rows) <= AT_ONCE * 2


def test_what_was_staged_by_somebody_who_is_gone_is_never_put_in_force(till: Till) -> None:
    vault, _ = till
    made = a_download(vault, 1, items(*GOODS))

    def another() -> None:
        staging.tidy(vault)

    with pytest.raises(RuntimeError, match="discarded"):
        snapshots.apply_snapshot(vault, made.note, another)
    with vault.reader() as db:
        assert db.execute("SELECT count(*) FROM product").fetchone()[0] == 0
