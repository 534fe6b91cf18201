"""P7: what a sale costs on the line, in a backlog and alone, against its JSON.

A relay between a till and the service counts every byte of both directions, so TLS, HTTP headers,
signatures and answers are in. The backlog includes its connection and its greeting; a live sale
goes over the connection that is open already. The yardstick is the fact's JSON alone, without
anything around it.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench import trade
from bench.cloud import running_cloud
from bench.counting import Carried, CountingRelay
from bench.report import Result
from bench.senders import Sender
from syncd.daemon.operations.ports import CLOUD

BACKLOG_BYTES_MAX: Final = 100
LIVE_BYTES_MAX: Final = 350
LIVE_SALES: Final = 50
_PRODUCTS: Final = 1_000


def bench_wire(sales: int) -> list[Result]:
    """A backlog of `sales` sales by one till, then live ones, one request each."""
    with tempfile.TemporaryDirectory(prefix="sentra-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another account where this one is root.
        folder.chmod(0o711)
        goods = trade.products(_PRODUCTS, random.Random(1))
        with running_cloud(folder, goods) as cloud:
            port = urlsplit(cloud.address).port or 0
            identity = cloud.enrol(folder / "till", cloud.add_branch("CB1"), "terminal")
            with (
                closing(CountingRelay(port)) as relay,
                closing(Sender(folder / "till", identity, goods, seed=1)) as till,
            ):
                till.sell(sales)
                till.connect(relay.address, CLOUD)
                till.drain()
                backlog, json_bytes = relay.carried(), till.body_bytes / sales
                live = [_one_live(till, relay) for _ in range(LIVE_SALES)]
    return _results(sales, backlog, live, json_bytes)


def _one_live(till: Sender, relay: CountingRelay) -> Carried:
    till.sell(1)
    before = relay.carried()
    till.drain()
    return relay.carried() - before


def _results(sales: int, backlog: Carried, live: list[Carried], json_bytes: float) -> list[Result]:
    one = statistics.median(each.total for each in live)
    up = statistics.median(each.up for each in live)
    return [
        _result(
            f"one of {sales} in a backlog", backlog.total / sales, BACKLOG_BYTES_MAX, json_bytes
        ),
        _result(f"one live sale, median of {len(live)}", one, LIVE_BYTES_MAX, json_bytes),
        Result("P7", "of that, to the store", up, "B"),
    ]


def _result(what: str, value: float, most: int, json_bytes: float) -> Result:
    reach = f"≤ {most} B"
    return Result("P7", what, value, "B", json_bytes, value / json_bytes, reach, value <= most)
