"""P9: the internet comes back after a day: how long until the cloud has what was sold meanwhile.

A branch of twelve tills sold on while its line to the cloud was cut: each sale went to the router
when it was made, as a segment of its own, and waits there. The clock begins when the line is whole
again, so that the router's waiting between two tries is in it, and ends when the cloud has
committed every sale. Meanwhile another branch, whose line was never cut, sells as P8 does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import text

from bench.cloud import Cloud
from bench.gate import Gate
from bench.live import lag_results, live_sales
from bench.online import Branch, fresh_cloud, open_branch
from bench.programs import ProgramFailed
from bench.report import Result
from sentra.events import Product

TILLS: Final = 12
OTHER_TILLS: Final = 4
DRAIN_S_MAX: Final = 10.0
DRAINED_S_MAX: Final = 600.0
"""Sixty times the reach: on a machine that does much else it is a figure still."""

SETTLE_S: Final = 0.5
_LOOK_EVERY_S: Final = 0.02
_ARRIVED: Final = text(
    "SELECT coalesce(sum(entry_count), 0) FROM journal_head WHERE branch_id = :branch"
)


def bench_drain(sales: int) -> list[Result]:
    """`sales` of twelve tills, sold while the line was cut."""
    with fresh_cloud() as (cloud, goods):
        return drain_in(cloud, goods, sales)


def drain_in(
    cloud: Cloud,
    goods: Sequence[Product],
    sales: int,
    tills: int = TILLS,
    other_tills: int = OTHER_TILLS,
) -> list[Result]:
    """The same in a cloud that runs already."""
    gate = Gate(urlsplit(cloud.address).port or 0)
    with (
        open_branch(cloud, "OUT", tills, goods, line=gate.address) as branch,
        open_branch(cloud, "ON", other_tills, goods) as other,
    ):
        _sell_without_line(branch, gate, sales)
        before = _arrived(cloud, branch)
        with live_sales(cloud, other.tills) as live:
            time.sleep(SETTLE_S)
            gate.open()
            began_s = time.perf_counter()
            first_s = _await(cloud, branch, before + 1) - began_s
            ended_s = _await(cloud, branch, before + sales)
            time.sleep(SETTLE_S)
    gate.close()
    took_s = ended_s - began_s
    what = f"{sales} sales of {tills} tills after an outage, router → cloud"
    lags_ms = live.lags_ms(began_s, ended_s)
    return [
        Result("P9", what, took_s, "s", reach=f"≤ {DRAIN_S_MAX:g} s", meets=took_s <= DRAIN_S_MAX),
        Result("P9", "of that, until the first of them was there", first_s, "s"),
        *lag_results("P9", "another branch's live sales meanwhile", lags_ms, busy=True),
    ]


def _sell_without_line(branch: Branch, gate: Gate, sales: int) -> None:
    """Cut the line, sell, and wait until the router has custody of everything."""
    gate.close()
    tills = len(branch.tills)
    for number, till in enumerate(branch.tills):
        till.sell_many(sales // tills + (number < sales % tills), sealed_singly=True)
    branch.await_all("router")


def _arrived(cloud: Cloud, branch: Branch) -> int:
    with cloud.engine.connect() as connection:
        return int(connection.execute(_ARRIVED, {"branch": branch.branch_id}).scalar_one())


def _await(cloud: Cloud, branch: Branch, entries: int) -> float:
    """When the cloud had so many of the branch's entries. Raises ProgramFailed."""
    deadline_s = time.monotonic() + DRAINED_S_MAX
    while _arrived(cloud, branch) < entries:
        if time.monotonic() > deadline_s:
            raise ProgramFailed(branch.router.log_end())
        time.sleep(_LOOK_EVERY_S)
    return time.perf_counter()
