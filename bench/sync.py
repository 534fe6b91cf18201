"""P5, and P4 and P6 where they are asked for: a backlog of sales from tills to the cloud.

The tills' vaults are filled and sealed beforehand. Then all of them send at once, with the
daemon's own steps over TLS, to the service's own process, until each till has the cloud's signed
watermark on its disk. The yardstick copies the very same rows into the same tables, in turn with
it: one round here, one there, and the medians are compared.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import yardstick
from bench.branch import running_routers
from bench.cloud import running_service
from bench.ground import Ground, prepared_ground
from bench.report import Result
from bench.senders import drain_all
from bench.yardstick import Yardstick
from syncd.daemon.operations.ports import CLOUD, ROUTER

REACH: Final = 0.6
HOPS_REACH: Final = 0.9
ROUTER_CPU_US_MAX: Final = 20.0
_MICROSECONDS: Final = 1e6


@dataclass(slots=True)
class _Rounds:
    """Seconds of each round, and the processor's seconds of the program that was measured."""

    taken_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def add(self, taken_s: float, cpu_s: float = 0.0) -> None:
        self.taken_s.append(taken_s)
        self.cpu_s.append(cpu_s)

    def speed(self, sales: int) -> float:
        """Sales a second, in the median round."""
        return sales / statistics.median(self.taken_s)

    def cpu_us(self, sales: int) -> float:
        """Processor time for a sale, in the median round."""
        return round(statistics.median(self.cpu_s) / sales * _MICROSECONDS, 1)


def bench_sync(
    sales: int, rounds: int, *, log_only: bool = False, two_hops: bool = False
) -> list[Result]:
    """P5 in `rounds` rounds of `sales` sales; P4 with `log_only`, P6 with `two_hops`."""
    with tempfile.TemporaryDirectory(prefix="sentra-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another account where this one is root.
        folder.chmod(0o711)
        with prepared_ground(folder, sales) as ground:
            rows = Yardstick(ground.cloud.engine, folder / "rows", ground.branches)
            results, one_hop = _projected(ground, rows, rounds)
            if two_hops:
                results += _two_hops(ground, rounds, one_hop)
            if log_only:
                results += _log_only(ground, rows, rounds)
            return results


def _projected(ground: Ground, rows: Yardstick, rounds: int) -> tuple[list[Result], float]:
    ours, theirs, wide = _Rounds(), _Rounds(), _Rounds()
    for number in range(rounds):
        before_s = _ready(ground, ground.cloud.address)
        ours.add(drain_all(ground.senders), ground.cloud.service.cpu_s() - before_s)
        ground.check()
        if number == 0:
            rows.take_rows()
        theirs.add(rows.run(yardstick.ALL, 1))
        wide.add(rows.run(yardstick.ALL, len(ground.branches)))
    sales, speed = ground.sales, ours.speed(ground.sales)
    what = f"terminal → cloud, projected: {ground.what}"
    copied = f"COPY of the same rows by {len(ground.branches)} connections at once"
    return [
        _against_copy("P5", what, speed, theirs.speed(sales)),
        Result("P5", copied, wide.speed(sales), "sales/s"),
        Result("P5", "processor of the service for a sale", ours.cpu_us(sales), "µs"),
    ], speed


def _log_only(ground: Ground, rows: Yardstick, rounds: int) -> list[Result]:
    ours, theirs = _Rounds(), _Rounds()
    cloud = ground.cloud
    log = cloud.folder / "log-only.log"
    with running_service(log, cloud.environment, "bench.log_only") as (address, _):
        for _ in range(rounds):
            _ready(ground, address)
            ours.add(drain_all(ground.senders))
            ground.check(projected=False)
            theirs.add(rows.run(yardstick.JOURNAL, 1))
    what = f"terminal → cloud, log only: {ground.what}"
    speed = ours.speed(ground.sales)
    return [_against_copy("P4", what, speed, theirs.speed(ground.sales))]


def _two_hops(ground: Ground, rounds: int, one_hop: float) -> list[Result]:
    """The tills send to their branch's router, which sends on; until the cloud has everything."""
    ours = _Rounds()
    for number in range(rounds):
        yardstick.empty(ground.cloud.engine)
        with running_routers(ground, f"round-{number}") as routers:
            for sender in ground.senders:
                place = routers.places[sender.identity.branch_id]
                sender.connect(place.address, ROUTER, place.server_name)
            before_s = routers.program.cpu_s()
            drained_s = drain_all(ground.senders, then=ground.await_cloud)
            ours.add(drained_s, routers.program.cpu_s() - before_s)
            ground.check()
    speed, cpu_us = ours.speed(ground.sales), ours.cpu_us(ground.sales)
    what = f"terminal → router → cloud, projected: {ground.what}"
    reach = f"≥ {HOPS_REACH} × P5"
    ratio = speed / one_hop
    return [
        Result("P6", what, speed, "sales/s", one_hop, ratio, reach, ratio >= HOPS_REACH),
        Result(
            "P6",
            "processor of the routers for an entry",
            cpu_us,
            "µs",
            reach=f"≤ {ROUTER_CPU_US_MAX:g} µs",
            meets=cpu_us <= ROUTER_CPU_US_MAX,
        ),
    ]


def _ready(ground: Ground, address: str) -> float:
    """Empty tables and greeted tills; the service's processor time until here."""
    yardstick.empty(ground.cloud.engine)
    for sender in ground.senders:
        sender.connect(address, CLOUD)
    return ground.cloud.service.cpu_s()


def _against_copy(measure: str, what: str, speed: float, copied: float) -> Result:
    ratio = speed / copied
    reach = f"≥ {REACH} × COPY"
    return Result(measure, what, speed, "sales/s", copied, ratio, reach, ratio >= REACH)
