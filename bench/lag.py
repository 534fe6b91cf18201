"""P8: how long a live sale takes from the till to a manager, over two hops, alone and in a crowd.

Four tills of one branch sell five times a second each. Then a fifth till of the same branch comes
back with a backlog, and the four go on selling while it drains.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from bench.cloud import Cloud
from bench.live import Sales, lag_results, live_sales
from bench.online import Till, await_tills, fresh_cloud, new_till, open_branch, running_daemon
from bench.programs import Program
from bench.report import Result
from sentra.events import Product

TILLS: Final = 4
SETTLE_S: Final = 0.5


def bench_lag(seconds: float, backlog: int) -> list[Result]:
    """`seconds` of live sales alone, then as long as a backlog of so many sales drains."""
    with fresh_cloud() as (cloud, goods):
        return lag_in(cloud, goods, seconds, backlog)


def lag_in(
    cloud: Cloud, goods: Sequence[Product], seconds: float, backlog: int, tills: int = TILLS
) -> list[Result]:
    """The same in a cloud that runs already."""
    folder = cloud.folder / "late"
    with open_branch(cloud, "LAG", tills, goods) as branch:
        programs = {
            "daemon of the tills": branch.daemon,
            "router": branch.router,
            "service": cloud.service,
        }
        before_s = {name: program.cpu_s() for name, program in programs.items()}
        with live_sales(cloud, branch.tills) as alone:
            time.sleep(seconds)
        cpu_s = {name: program.cpu_s() - before_s[name] for name, program in programs.items()}
        late = new_till(cloud, branch.branch_id, folder, goods)
        late.sell_many(backlog, sealed_singly=False)
        with live_sales(cloud, branch.tills) as crowded:
            time.sleep(SETTLE_S)
            began_s, ended_s = _drain(late, branch.router)
            time.sleep(SETTLE_S)
        late.close()
    sold = len(alone.committed_s)
    return [
        *_results(alone, crowded, backlog, began_s, ended_s),
        *(
            Result("P8", f"processor of the {name} for a live sale", spent_s * 1000 / sold, "ms")
            for name, spent_s in cpu_s.items()
        ),
    ]


def _drain(late: Till, router: Program) -> tuple[float, float]:
    """The late till's daemon starts; (when, when all of its sales were in the cloud)."""
    began_s = time.perf_counter()
    with running_daemon(late.folder.with_name("late.log"), [late]) as daemon:
        await_tills([late], "cloud", daemon, router)
        return began_s, time.perf_counter()


def _results(
    alone: Sales, crowded: Sales, backlog: int, began_s: float, ended_s: float
) -> list[Result]:
    meanwhile = f"the others while {backlog} sales of one till drain"
    took_s = ended_s - began_s
    return [
        *lag_results("P8", "till → router → cloud, seen", alone.lags_ms(), busy=False),
        *lag_results("P8", meanwhile, crowded.lags_ms(began_s, ended_s), busy=True),
        Result("P8", "the backlog, from its daemon's start to the cloud", took_s, "s"),
        Result("P8", "sales that the tills committed late", alone.late + crowded.late, "sales"),
    ]
