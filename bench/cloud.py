"""A cloud for a bench: PostgreSQL and Redis that keep everything, and the sync service's process.

Nothing is switched off: `fsync`, `synchronous_commit` and full-page writes are on, and the
service speaks TLS with the company's own certificate, as `sentra syncd service --tls` deploys it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, create_engine, text

from bench.programs import Program, free_port, running
from sentra.cloud import devices
from sentra.cloud.branches import create_branch
from sentra.cloud.company import init_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys, create_keys
from sentra.cloud.schema import migrate
from sentra.cloud.tables import product
from sentra.embedded.postgres import running_postgres
from sentra.embedded.redis import running_redis
from sentra.enrolment import enrol_device
from sentra.events import Product
from sentra.vault.identity import Identity

DATABASE: Final = "bench"
ROLE: Final = "sentra_app"
"""The programs' role, with the rights of a deployment."""


def now_ms() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running cloud. `engine` is the database owner's."""

    folder: Path
    keys: CompanyKeys
    engine: Engine
    environment: Mapping[str, str]
    address: str
    service: Program

    def add_branch(self, code: str) -> str:
        """A new branch with its partitions; its id."""
        with self.engine.begin() as connection:
            return create_branch(
                connection,
                code=code,
                name=f"Cabang {code}",
                zone="WITA",
                now_ms=now_ms(),
                signing_key=self.keys.signing_key,
            )

    def enrol(self, folder: Path, branch_id: str, role: str) -> Identity:
        """A new device of the branch, enrolled through the service with a one-time code."""
        with self.engine.begin() as connection:
            code = devices.create_code(connection, branch_id=branch_id, role=role, now_ms=now_ms())
        return enrol_device(folder, self.address, code.code)


@contextmanager
def running_cloud(folder: Path, goods: Sequence[Product]) -> Iterator[Cloud]:
    """All parts, for the length of the block; `goods` are known to the back office."""
    # Vaults of a bench belong into its folder, not into the keyring of whoever runs it.
    os.environ["SENTRA_KEY_STORE"] = "file"
    with (
        running_postgres(folder / "postgres") as postgres,
        running_redis(folder / "redis") as redis,
    ):
        _create_database(postgres.url())
        engine = make_engine(postgres.url(DATABASE))
        migrate(engine)
        keys = create_keys(folder / "keys", company="Toko Sentra", hosts=("127.0.0.1",))
        _fill(engine, keys, goods)
        environment = {
            "SENTRA_DATABASE_URL": postgres.url(DATABASE, ROLE),
            "SENTRA_REDIS_URL": redis.url(),
            "SENTRA_KEYS_DIR": str(keys.folder),
        }
        with running_service(folder / "service.log", environment) as (address, service):
            yield Cloud(folder, keys, engine, environment, address, service)
        engine.dispose()


@contextmanager
def running_service(
    log: Path, environment: Mapping[str, str], module: str = "sentra"
) -> Iterator[tuple[str, Program]]:
    """A process of the sync service over these parts, as deployed with TLS; (address, process)."""
    bind = f"127.0.0.1:{free_port()}"
    address = f"https://{bind}"
    settings = {**environment, "SENTRA_SYNC_URL": address}
    arguments = ("syncd", "service", "--bind", bind, "--tls")
    with running(log, *arguments, environment=settings, module=module) as service:
        service.await_ready(f"{address}/readyz")
        yield address, service


def _create_database(url: str) -> None:
    maintenance = create_engine(url, isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {DATABASE}"))
    maintenance.dispose()


def _fill(engine: Engine, keys: CompanyKeys, goods: Sequence[Product]) -> None:
    at_ms = now_ms()
    rows = [
        {
            "id": one.id,
            "code": one.code,
            "name": one.name,
            "unit": one.unit,
            "tax_code": one.tax_code,
            "created_at_ms": at_ms,
            "updated_at_ms": at_ms,
        }
        for one in goods
    ]
    with engine.begin() as connection:
        init_company(
            connection,
            name="Toko Sentra",
            currency="IDR",
            now_ms=at_ms,
            signing_key=keys.signing_key,
        )
        connection.execute(product.insert(), rows)
