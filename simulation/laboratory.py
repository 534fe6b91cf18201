"""Where runs take place: one PostgreSQL, a folder in memory, silent logs; each has its world."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, text

from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys, create_keys
from sentra.cloud.schema import migrate
from sentra.embedded.postgres import EmbeddedPostgres, running_postgres
from sentra.vault.keys import STORE_SETTING
from simulation import limits
from simulation.clocks import TrueTime
from simulation.cloud import Cloud
from simulation.databases import Databases
from simulation.disks import Disks, Templates
from simulation.machines import Site
from simulation.network import Network
from simulation.office import BRANCH_IDS, Office
from simulation.plan import Plan
from simulation.power import Grid
from simulation.routes import compiled_once
from simulation.trace import Trace
from simulation.world import World

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made inside
MEMORY_FREE_BYTES_MIN: Final = 2 * 1024**3

COLLECTED_EVERY: Final = 20_000
"""Objects made until the collector looks at the young ones. A run makes few circles, and by its own
700 it would take a twelfth of the time."""

_numbers = count(1)


class Laboratory:
    """Worlds, one after the other."""

    def __init__(self, server: EmbeddedPostgres, folder: Path) -> None:
        """`folder` is empty, and its owner removes it."""
        self._folder = folder
        self._maintenance = create_engine(server.url(), isolation_level="AUTOCOMMIT", pool_size=1)
        self._template = f"simulation_{os.getpid()}_{next(_numbers)}"
        self._run(f"CREATE DATABASE {self._template} TEMPLATE template0")
        _furnish(server.url(self._template))
        self._databases = Databases(server, self._maintenance, self._template)
        self._templates = Templates(folder / "templates")
        self._keys = create_keys(folder / "keys", company="Toko Sentosa", hosts=("127.0.0.1",))

    def close(self) -> None:
        """The end of all runs."""
        self._databases.close()
        self._run(f"DROP DATABASE {self._template}")
        self._maintenance.dispose()

    def _run(self, statement: str) -> None:
        with self._maintenance.connect() as connection:
            connection.execute(text(statement))

    @contextmanager
    def world(self, plan: Plan) -> Iterator[World]:
        """A world as the plan begins with it; nothing of it is left afterwards."""
        folder = self._folder / str(next(_numbers))
        database = self._databases.fresh()
        time, grid, trace = TrueTime(), Grid(), Trace()
        network = Network(time, trace)
        disks = Disks(folder, self._templates)
        site = Site(plan.seed, time, grid, network, trace, disks, plan.shares)
        cloud = Cloud(database, self._keys_of(plan), time, grid)
        world = World(site, cloud, Office(cloud, plan.seed))
        try:
            with grid.wired(), site.disks.wired(), limits.tightened(plan.tight):
                yield world
        finally:
            world.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _keys_of(self, plan: Plan) -> CompanyKeys:
        """The company's keys, with one for signing that hangs on the seed."""
        secret = plan.seed.to_bytes(32, "big", signed=True)
        return replace(self._keys, signing_key=Ed25519PrivateKey.from_private_bytes(secret))


def _furnish(url: str) -> None:
    """Today's schema, with the partitions of every branch that a world may have."""
    engine = make_engine(url)
    migrate(engine)
    with engine.begin() as connection:
        for number, branch in enumerate(BRANCH_IDS):
            add = "INSERT INTO branch (id, code, name, zone, cash_step, created_at_ms)"
            values = {"id": branch, "code": str(number)}
            connection.execute(text(f"{add} VALUES (:id, :code, '', '', 1, 0)"), values)
            connection.execute(text("SELECT make_partitions(CAST(:id AS uuid))"), values)
        connection.execute(text("DELETE FROM branch"))
    engine.dispose()


@contextmanager
def quiet() -> Iterator[None]:
    """Programs that break all the time would fill the screen; keys stay beside their vaults."""
    before, place = structlog.get_config(), os.environ.get(STORE_SETTING)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
    logging.disable(logging.CRITICAL)
    os.environ[STORE_SETTING] = "file"
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.configure(**before)
        if place is None:
            del os.environ[STORE_SETTING]
        else:
            os.environ[STORE_SETTING] = place


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """A laboratory with a PostgreSQL of its own, in memory where there is room."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_FREE_BYTES_MIN
    with (
        tempfile.TemporaryDirectory(
            prefix="sentra-simulation-", dir=MEMORY if roomy else None
        ) as name,
        quiet(),
        compiled_once(),
        running_postgres(Path(name) / "postgres", fsync=False) as server,
    ):
        made = Laboratory(server, Path(name) / "runs")
        # All that is loaded by now stays to the end: the collector need not go over it each time.
        gc.collect()
        gc.freeze()
        before = gc.get_threshold()
        gc.set_threshold(COLLECTED_EVERY, *before[1:])
        try:
            yield made
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()
            made.close()
