"""Live sales, and how long each takes from the till to where a manager sees it.

The clock of a sale begins when its transaction at the till has been committed. It ends when a
query of the cloud's database finds its row, asked by a connection of its own at the very wake-up
(through Redis, after the service's commit) that the back office's pages get.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text

from bench.cloud import Cloud
from bench.failures import BenchFailed
from bench.online import Till
from bench.report import Result, percentile
from sentra.cloud.redis_client import connect_redis
from sentra.cloud.wake import listen

SALES_PER_S: Final = 5.0
"""Of each till: more than any cashier."""

P50_MS_MAX: Final = 25.0
P99_MS_MAX: Final = 150.0
P99_BUSY_MS_MAX: Final = 1_000.0

ARRIVE_S_MAX: Final = 60.0
_WAKE_S: Final = 0.2
_FOUND: Final = text(
    "SELECT sale_id::text FROM sale"
    " WHERE branch_id = ANY(CAST(:branches AS uuid[])) AND sale_id = ANY(CAST(:sales AS uuid[]))"
)


class Lost(BenchFailed):
    """A sale never came: then no figure means anything."""


@dataclass
class Sales:
    """Instants of each sale, in seconds of one clock: committed at the till, seen in the cloud."""

    committed_s: dict[str, float] = field(default_factory=dict)
    seen_s: dict[str, float] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    late: int = 0
    """Sales that could not be committed when they were due: the tills themselves were slow."""

    def lags_ms(self, since_s: float = 0.0, until_s: float = float("inf")) -> list[float]:
        """Sorted, of the sales that were committed between two instants."""
        return sorted(
            max(0.0, self.seen_s[sale] - at_s) * 1000
            for sale, at_s in self.committed_s.items()
            if since_s <= at_s < until_s
        )


@contextmanager
def live_sales(cloud: Cloud, tills: Sequence[Till], rate: float = SALES_PER_S) -> Iterator[Sales]:
    """Every till sells at this rate for the length of the block; at its end each sale was seen.

    Raises Lost.
    """
    sales, stop, blind = Sales(), threading.Event(), threading.Event()
    failures: list[BaseException] = []
    ready = threading.Event()
    viewer = threading.Thread(
        target=_guarded, args=(failures, _watch, cloud, tills, sales, blind, ready)
    )
    viewer.start()
    ready.wait(ARRIVE_S_MAX)
    sellers = [
        threading.Thread(target=_guarded, args=(failures, _sell, till, rate, at, sales, stop))
        for till, at in zip(tills, _starts(len(tills), rate), strict=True)
    ]
    for seller in sellers:
        seller.start()
    try:
        yield sales
    finally:
        stop.set()
        for seller in sellers:
            seller.join()
        deadline_s = time.monotonic() + ARRIVE_S_MAX
        while sales.waiting and not failures and time.monotonic() < deadline_s:
            time.sleep(_WAKE_S)
        blind.set()
        viewer.join()
    if failures:
        raise failures[0]
    if sales.waiting:
        raise Lost(f"{len(sales.waiting)} of {len(sales.committed_s)} sales were never seen")


def lag_results(measure: str, what: str, lags_ms: Sequence[float], *, busy: bool) -> list[Result]:
    """Median and 99th percentile, judged by P8: `busy` while a backlog drains."""
    many = f"{what}, of {len(lags_ms)} sales"
    median, most = percentile(lags_ms, 0.5), percentile(lags_ms, 0.99)
    p99_max = P99_BUSY_MS_MAX if busy else P99_MS_MAX
    reach = f"≤ {p99_max:g} ms"
    half = Result(measure, f"p50: {many}", median, "ms")
    if not busy:
        half = Result(
            measure,
            half.what,
            median,
            "ms",
            reach=f"≤ {P50_MS_MAX:g} ms",
            meets=median <= P50_MS_MAX,
        )
    return [half, Result(measure, f"p99: {many}", most, "ms", reach=reach, meets=most <= p99_max)]


def _starts(tills: int, rate: float) -> list[float]:
    """The tills' sales are spread over time, as customers are."""
    return [number / rate / tills for number in range(tills)]


def _guarded(failures: list[BaseException], work: object, *arguments: object) -> None:
    try:
        work(*arguments)  # type: ignore[operator]  # one of the two functions below
    except BaseException as error:
        failures.append(error)


def _sell(till: Till, rate: float, start_s: float, sales: Sales, stop: threading.Event) -> None:
    due_s = time.perf_counter() + start_s
    while not stop.wait(max(0.0, due_s - time.perf_counter())):
        sale = till.next_id
        sales.waiting.add(sale)
        till.sell()
        sales.committed_s[sale] = time.perf_counter()
        due_s += 1 / rate
        if due_s < time.perf_counter():
            sales.late += 1
            due_s = time.perf_counter()


def _watch(
    cloud: Cloud,
    tills: Sequence[Till],
    sales: Sales,
    blind: threading.Event,
    ready: threading.Event,
) -> None:
    branches = sorted({till.identity.branch_id for till in tills})
    client = connect_redis(cloud.environment["SENTRA_REDIS_URL"])
    wakes = listen(client, [("journal", branch) for branch in branches], heartbeat_s=_WAKE_S)
    with (
        closing(client),
        closing(wakes),
        cloud.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        for _ in wakes:
            ready.set()
            if blind.is_set():
                return
            asked = list(sales.waiting)
            if asked:
                found = connection.execute(_FOUND, {"branches": branches, "sales": asked})
                at_s = time.perf_counter()
                for (sale,) in found:
                    sales.seen_s[sale] = at_s
                    sales.waiting.discard(sale)
