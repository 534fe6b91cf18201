"""P10: devices that only listen, held by one process of the sync service while P8 goes on.

The streams are opened over TLS by a process of its own, signed by devices of ten branches. What
one costs is the growth of the service's own memory by the streams, divided by their number; the
kernel's buffers are not in it.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.cloud import Cloud, now_ms
from bench.listeners import Listening, Order
from bench.live import lag_results, live_sales
from bench.online import fresh_cloud, open_branch
from bench.programs import ProgramFailed
from bench.report import Result
from sentra.cloud.tables import device
from sentra.events import Product
from sentra.ids import RANDOM_BYTES, uuid7

CONNECTIONS: Final = 10_000
KIB_MAX: Final = 25.0
BRANCHES: Final = 10
DEVICES: Final = 10
"""In each branch; each device has as many streams as it takes."""

TILLS: Final = 4
SETTLE_S: Final = 0.5
_KIB: Final = 1024


def bench_connections(connections: int, seconds: float) -> list[Result]:
    """So many streams, and live sales for so long beside them."""
    with fresh_cloud() as (cloud, goods):
        return connections_in(cloud, goods, connections, seconds)


def connections_in(
    cloud: Cloud,
    goods: Sequence[Product],
    connections: int,
    seconds: float,
    tills: int = TILLS,
    branches: int = BRANCHES,
) -> list[Result]:
    """The same in a cloud that runs already."""
    with open_branch(cloud, "CON", tills, goods) as branch:
        order = _order(cloud, branch.tills[0].identity.anchors, connections, branches)
        time.sleep(SETTLE_S)
        before, before_s = cloud.service.memory_bytes(), cloud.service.cpu_s()
        began_s = time.perf_counter()
        with _listening(order) as listeners:
            took_s = time.perf_counter() - began_s
            cpu_s = cloud.service.cpu_s() - before_s
            time.sleep(SETTLE_S)
            each = (cloud.service.memory_bytes() - before) / connections / _KIB
            with live_sales(cloud, branch.tills) as live:
                time.sleep(seconds)
            held = _count(listeners)
    what = f"beside {held} streams, till → router → cloud, seen"
    return [
        Result(
            "P10",
            "streams held to the end by one process",
            held,
            "streams",
            reach=f"≥ {CONNECTIONS}",
            meets=held >= CONNECTIONS,
        ),
        Result(
            "P10",
            "memory of the service for each",
            each,
            "KiB",
            reach=f"≤ {KIB_MAX:g} KiB",
            meets=each <= KIB_MAX,
        ),
        *lag_results("P10", what, live.lags_ms(), busy=False),
        Result("P10", "until all were open", took_s, "s"),
        Result("P10", "processor of the service to open one", cpu_s / connections * 1000, "ms"),
    ]


def _order(cloud: Cloud, anchors: str, connections: int, branches: int) -> Order:
    """Devices that are enrolled without the ceremony: only their streams are measured."""
    dice, at_ms = random.Random(1), now_ms()
    listening, rows = [], []
    for number in range(branches):
        branch_id = cloud.add_branch(f"LN{number}")
        for place in range(1, DEVICES + 1):
            key = Ed25519PrivateKey.generate()
            device_id = uuid7(at_ms, dice.randbytes(RANDOM_BYTES))
            listening.append(Listening(device_id, key.private_bytes_raw().hex()))
            rows.append(
                {
                    "id": device_id,
                    "role": "terminal",
                    "branch_id": branch_id,
                    "number": place,
                    "name": f"Kasir {place}",
                    "public_key": key.public_key().public_bytes_raw().hex(),
                    "enrolled_at_ms": at_ms,
                }
            )
    with cloud.engine.begin() as connection:
        connection.execute(device.insert(), rows)
    host, port = urlsplit(cloud.address).hostname or "", urlsplit(cloud.address).port or 0
    return Order(host, port, anchors, connections, tuple(listening))


@contextmanager
def _listening(order: Order) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the listeners, for as long as all are open. Raises ProgramFailed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.listeners"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        said = process.stdout.readline().decode().strip()
        if said != f"open {order.count}":
            raise ProgramFailed(f"the listeners could not open their streams: {said}")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def _count(listeners: subprocess.Popen[bytes]) -> int:
    """How many are still open, by the listeners' own word. Raises ProgramFailed."""
    assert listeners.stdin is not None  # noqa: S101 - asked for where it was started
    assert listeners.stdout is not None  # noqa: S101 - asked for where it was started
    listeners.stdin.close()
    word, _, count = listeners.stdout.readline().decode().strip().partition(" ")
    if word != "held":
        raise ProgramFailed("the listeners ended before they were asked to")
    return int(count)
