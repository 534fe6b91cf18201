"""How long "pay" waits while the daemon writes much into the same vault.

A cashier commits sales all the time, by the code of the till. The daemon's code runs beside it in a
process of its own. The yardstick is the same cashier in the same vault with nobody else.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import busy, trade
from bench.busy import Shelved, Work
from bench.failures import BenchFailed
from bench.report import Result, percentile
from bench.shop import an_identity
from bench.trade import START_MS, Trade
from sentra.events import Price, Product, ShiftClosed, ShiftOpened
from sentra.instants import local_date
from sentra.protocol.bodies import encode_decision
from sentra.protocol.entry import Head
from sentra.protocol.feed import COMPANY, ITEMS_MAX, FeedItem, seal_revision
from sentra.protocol.messages import sign_watermark
from sentra.protocol.snapshot import pack_items, sign_snapshot
from sentra.vault import archived, journal, retention
from sentra.vault.archived import DAY_MS
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity, write_identity
from sentra.vault.watermarks import reset_watermark

EVERY_S: Final = 0.05
"""Between two sales: twenty a second, some hundred times as many as a cashier."""

REACH_MS: Final = 250.0
READY_S_MAX: Final = 10.0
BEFORE: Final = 20
"""Sales that the old copy of a vault still has."""

_SALES_AT_ONCE: Final = 2_000


class WorkFailed(BenchFailed):
    """The daemon's part ended before it was done."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each commit took, ascending, and how long the daemon's work, in
    all and of the processor."""

    waits_ms: Sequence[float]
    work_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def longest_ms(self) -> float:
        """Of all."""
        return self.waits_ms[-1]

    @property
    def p99_ms(self) -> float:
        """Of a hundred, the longest but one."""
        return percentile(self.waits_ms, 0.99)


class Till:
    """A till's vault, its cashier, and the sales that the cashier makes."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey, goods: Sequence[Product]) -> None:
        self.folder, self._goods = folder, goods
        self.identity: Identity = an_identity(key)
        vault = Vault.create(folder, "terminal")
        with vault.writer() as db:
            write_identity(db, self.identity)
        vault.close()
        self._trade = Trade(self.identity, goods, seed=1)

    def fill(self, sales: int) -> None:
        """Sell that many, many in one transaction: what is measured comes later."""
        with self._open() as vault:
            for start in range(0, sales, _SALES_AT_ONCE):
                with vault.writer() as db:
                    for _ in range(min(_SALES_AT_ONCE, sales - start)):
                        sale = self._trade.sale()
                        journal.append(db, self.identity, sale, sale.completed_at_ms)

    def copy(self, folder: Path) -> Till:
        """The same till on another disk; its cashier goes on with sales that nobody had."""
        shutil.copytree(self.folder, folder)
        other = Till.__new__(Till)
        other.folder, other.identity, other._goods = folder, self.identity, self._goods
        other._trade = Trade(self.identity, self._goods, seed=2)
        return other

    @contextmanager
    def _open(self) -> Iterator[Vault]:
        vault = Vault.open(self.folder)
        try:
            yield vault
        finally:
            vault.close()

    def alone(self, seconds: float) -> Waits:
        """The yardstick: nobody else writes."""
        until_s = time.perf_counter() + seconds
        return Waits(self._sell_while(lambda: time.perf_counter() < until_s))

    def beside(self, work: Work) -> Waits:
        """Sell for as long as the daemon is at work. Raises WorkFailed."""
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=busy.run, args=(work, there), daemon=True)
        process.start()
        there.close()
        try:
            here.recv()
            here.send(None)
            waits = self._sell_while(lambda: not here.poll())
            return Waits(waits, *here.recv())
        except EOFError as error:
            raise WorkFailed(f"{work.do} ended without a word") from error
        finally:
            process.join(10)

    def _sell_while(self, goes_on: Callable[[], bool]) -> list[float]:
        waits: list[float] = []
        with self._open() as vault:
            while not waits or goes_on():
                sale = self._trade.sale()
                began_s = time.perf_counter()
                with vault.writer() as db:
                    journal.append(db, self.identity, sale, sale.completed_at_ms)
                took_s = time.perf_counter() - began_s
                waits.append(took_s * 1000)
                time.sleep(max(0.0, EVERY_S - took_s))
        return sorted(waits)

    def look(self) -> Vault:
        """The vault, for preparing a work. Close it."""
        return Vault.open(self.folder)


def bench_pause(products: int, sales: int, seconds: float) -> list[Result]:
    """Each of the daemon's long works beside a cashier who sells; alone for so many seconds."""
    with tempfile.TemporaryDirectory(prefix="sentra-bench-") as name:
        place, key = Path(name), Ed25519PrivateKey.generate()
        goods = trade.products(products, random.Random(1))
        till = Till(place / "till", key, goods[:1_000])
        ready_s = _ready_s(till, key, goods)
        alone = till.alone(seconds)
        results = [_ready(products, *ready_s)]
        for what, waits in (*_feeds(till, key, goods), *_journals(place, key, goods, sales)):
            results += _results(what, waits, alone)
    return results


# --- The feed -----------------------------------------------------------------------------------


def _ready_s(till: Till, key: Ed25519PrivateKey, goods: Sequence[Product]) -> tuple[float, float]:
    """A new till, on which nobody sells yet."""
    context = get_context("spawn")
    here, there = context.Pipe()
    work = Work(till.folder, "take_snapshot", _snapshot(till, key, 1, goods))
    process = context.Process(target=busy.run, args=(work, there), daemon=True)
    process.start()
    here.recv()
    here.send(None)
    took_s, cpu_s = here.recv()
    process.join(10)
    return took_s, cpu_s


def _feeds(
    till: Till, key: Ed25519PrivateKey, goods: Sequence[Product]
) -> Iterator[tuple[str, Waits]]:
    def snapshot(revision: int, named: Sequence[Product]) -> Waits:
        store = _snapshot(till, key, revision, named)
        return till.beside(Work(till.folder, "take_snapshot", store))

    count = len(goods)
    dearer = [replace(one, prices=(Price(one.prices[0].amount + 500),)) for one in goods]
    yield f"a price list of {count} products", snapshot(2, dearer)
    renamed = [replace(one, name=f"{one.name} baru") for one in dearer]
    yield f"{count} products renamed", snapshot(3, renamed)
    again = [replace(one, name=f"Promo {one.name}") for one in renamed[:ITEMS_MAX]]
    items = [FeedItem("product", one.id, encode_decision(one)) for one in again]
    revision = seal_revision(COMPANY, 4, items, key)
    work = Work(till.folder, "take_revision", revision=revision, items=items)
    yield f"a revision of {len(items)} new names", till.beside(work)


def _snapshot(
    till: Till, key: Ed25519PrivateKey, revision: int, goods: Sequence[Product]
) -> Shelved:
    items = [FeedItem("product", one.id, encode_decision(one)) for one in goods]
    packed = pack_items(sorted(items, key=lambda item: item.key))
    note = sign_snapshot(
        packed,
        key,
        scope=COMPANY,
        revision=revision,
        timeline=till.identity.timeline,
        timeline_at_ms=START_MS,
        made_at_ms=START_MS,
    )
    return Shelved(note, packed)


# --- The journal --------------------------------------------------------------------------------


def _journals(
    place: Path, key: Ed25519PrivateKey, goods: Sequence[Product], sales: int
) -> Iterator[tuple[str, Waits]]:
    till = Till(place / "behind", key, goods[:1_000])
    till.fill(BEFORE)
    copy = till.copy(place / "put-back")
    till.fill(sales)
    yield f"a backlog of {sales} sales sealed", till.beside(Work(till.folder, "seal"))
    store = Shelved(sealed=_sealed(till))
    work = Work(copy.folder, "fetch_back", store, now_ms=START_MS + DAY_MS)
    yield f"{sales} sales fetched back", copy.beside(work)
    yield f"a shift of {sales // 10} sales forgotten", _forgotten(place, key, goods, sales // 10)


def _sealed(till: Till) -> list[bytes]:
    vault = till.look()
    with vault.reader() as db:
        rows = db.execute("SELECT sealed FROM sealed_segment ORDER BY epoch, first_seq")
        sealed = [bytes(row[0]) for row in rows]
    vault.close()
    return sealed


def _forgotten(place: Path, key: Ed25519PrivateKey, goods: Sequence[Product], sales: int) -> Waits:
    """A shift that the cloud archived two months ago; the next one is open."""
    till = Till(place / "old", key, goods[:1_000])
    _shift(till, 1, sales)
    vault = till.look()
    with vault.writer() as db:
        while journal.seal_pending(db, till.identity):
            pass
        end = journal.head(db)
        _hear(db, till.identity, key, end, START_MS)
        mark = retention.marks_of(db, till.identity).get(archived.ARCHIVED)
        archived.remember(db, till.identity.device_id, mark, START_MS)
        later_ms = START_MS + 60 * DAY_MS
        _hear(db, till.identity, key, end, later_ms)
    vault.close()
    _open_shift(till, 2)
    waits = till.beside(Work(till.folder, "forget", now_ms=later_ms))
    vault = till.look()
    with vault.reader() as db:
        if retention.base_of(db) is None:
            raise WorkFailed("nothing was forgotten")
    vault.close()
    return waits


def _hear(
    db: Connection, identity: Identity, key: Ed25519PrivateKey, head: Head, at_ms: int
) -> None:
    for name in (archived.ARCHIVED, archived.CLOUD):
        mark = sign_watermark(key, name, identity.device_id, head, at_ms)
        reset_watermark(db, name, head, at_ms, mark.signature)


def _open_shift(till: Till, number: int) -> str:
    identity, shift_id = till.identity, f"shift-{number}"
    day = local_date(START_MS, identity.zone)
    opened = ShiftOpened(shift_id, number, "c", "Dewi", "IDR", START_MS, day, identity.zone, 0)
    vault = till.look()
    with vault.writer() as db:
        journal.append(db, identity, opened, START_MS)
    vault.close()
    return shift_id


def _shift(till: Till, number: int, sales: int) -> None:
    shift_id = _open_shift(till, number)
    till.fill(sales)
    vault = till.look()
    with vault.writer() as db:
        day = local_date(START_MS, till.identity.zone)
        closed = ShiftClosed(
            shift_id=shift_id, cashier_id="c", cashier_name="Dewi", currency="IDR",
            closed_at_ms=START_MS, business_date=day, sale_count=0, refund_count=0, void_count=0,
            total=0, rounding=0, tenders=(), expected_cash=0, counted_cash=0, difference=0,
            denominations=(), last_hash=journal.head(db).hash.hex(),
        )  # fmt: skip
        journal.append(db, till.identity, closed, START_MS)
    vault.close()


# --- Results ------------------------------------------------------------------------------------


def _ready(products: int, ready_s: float, cpu_s: float) -> Result:
    what = f"a new till ready with {products} products by a snapshot ({cpu_s:.1f} s of processor)"
    return Result(
        "P13", what, ready_s, "s", reach=f"≤ {READY_S_MAX:.0f} s", meets=ready_s <= READY_S_MAX
    )


def _results(what: str, waits: Waits, alone: Waits) -> Iterator[Result]:
    beside = f"beside {what} ({waits.work_s:.1f} s, {waits.cpu_s:.1f} of processor)"
    longest, p99 = waits.longest_ms, waits.p99_ms
    count = len(waits.waits_ms)
    yield Result(
        "pause",
        f"longest of {count} commits {beside}",
        longest,
        "ms",
        alone.longest_ms,
        longest / alone.longest_ms,
        f"≤ {REACH_MS:.0f} ms",
        longest <= REACH_MS,
    )
    yield Result("pause", "p99 of them", p99, "ms", alone.p99_ms, p99 / alone.p99_ms)
