"""The courier: a backlog packed at a till, and taken in by its router and by the cloud.

Each step is the command that people run, as a process of its own. Its memory is the most that the
process ever had resident; the same step with a tenth of the sales stands beside it, since memory
must not grow with what is carried. The till has sealed nothing before, as where there is no line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from bench.branch import running_routers
from bench.cloud import Cloud
from bench.ground import Ground
from bench.online import fresh_cloud
from bench.programs import ProgramFailed
from bench.report import Result
from bench.senders import Sender
from sentra.events import Product

SHARE: Final = 10
"""The lesser backlog is so much smaller."""

GROWTH_MAX: Final = 1.25
"""Memory with the whole backlog, against memory with the lesser one."""

_STEPS: Final = ("pack, till → file", "unpack, file → router", "unpack, file → cloud")
_MEASURED: Final = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Between us and the command, because Linux counts in what the process was forked from."""

_MIB: Final = 1024 * 1024
_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class _Run:
    took_s: float
    memory_bytes: int


def bench_courier(sales: int) -> list[Result]:
    """So many sales of one till, and a tenth of them of another."""
    with fresh_cloud() as (cloud, goods):
        return courier_in(cloud, goods, sales)


def courier_in(cloud: Cloud, goods: Sequence[Product], sales: int) -> list[Result]:
    """The same in a cloud that runs already."""
    branch_id, counts = cloud.add_branch("KUR"), (sales // SHARE, sales)
    folders = [cloud.folder / f"courier-till-{count}" for count in counts]
    with ExitStack() as stack:
        senders = []
        for folder, count in zip(folders, counts, strict=True):
            identity = cloud.enrol(folder, branch_id, "terminal")
            sender = Sender(folder, identity, goods, seed=count)
            stack.callback(sender.close)
            sender.sell(count, sealed=False)
            senders.append(sender)
        # From then on its folder knows the branch's tills, and they know that it may read.
        with running_routers(Ground(cloud, [branch_id], senders, 0), "courier"):
            for sender in senders:
                sender.learn()
    router = cloud.folder / "courier-router-0"
    runs = [list(_steps(cloud, folder, router)) for folder in folders]
    _check(cloud, branch_id, sum(counts))
    return [result for each in zip(_STEPS, *runs, strict=True) for result in _results(sales, *each)]


def _steps(cloud: Cloud, till: Path, router: Path) -> Iterator[_Run]:
    stick = till.with_name(f"{till.name}-stick")
    stick.mkdir()
    yield _run("pack", "--data", str(till), "--to", str(stick), environment={})
    yield _run("unpack", str(stick), "--data", str(router), environment={})
    yield _run("unpack", str(stick), environment=cloud.environment)
    shutil.rmtree(stick)


def _run(*words: str, environment: Mapping[str, str]) -> _Run:
    """`sentra courier …`; raises ProgramFailed where it does not end well."""
    command = [sys.executable, "-m", "sentra", "courier", *words]
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    took_s = time.perf_counter() - began_s
    if done.returncode:
        raise ProgramFailed(done.stdout + done.stderr)
    return _Run(took_s, int(done.stdout.splitlines()[-1]) * _KIB)


def _results(sales: int, step: str, lesser: _Run, whole: _Run) -> list[Result]:
    growth = whole.memory_bytes / lesser.memory_bytes
    return [
        Result("courier", f"{step}, {sales} sales", sales / whole.took_s, "sales/s"),
        Result(
            "courier",
            f"{step}, most memory; yardstick: with a tenth",
            whole.memory_bytes / _MIB,
            "MiB",
            lesser.memory_bytes / _MIB,
            growth,
            f"≤ {GROWTH_MAX:g} × a tenth",
            growth <= GROWTH_MAX,
        ),
    ]


def _check(cloud: Cloud, branch_id: str, sales: int) -> None:
    """The cloud has every sale. Raises ProgramFailed."""
    query = text("SELECT count(*) FROM sale WHERE branch_id = :branch")
    with cloud.engine.connect() as connection:
        there = connection.execute(query, {"branch": branch_id}).scalar_one()
    if there != sales:
        raise ProgramFailed(f"{there} of {sales} sales arrived")
