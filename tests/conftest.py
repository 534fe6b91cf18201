"""Real servers for the tests: one PostgreSQL and one Redis for each test process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys, create_keys
from sentra.cloud.schema import migrate
from sentra.embedded.postgres import EmbeddedPostgres, running_postgres
from sentra.embedded.redis import EmbeddedRedis, running_redis

_TEMPLATE = "migrated"
_numbers = count(1)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder that the account of an embedded server can reach: pytest's own is closed to it."""
    with tempfile.TemporaryDirectory(prefix="sentra-tests-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL with a migrated database that the tests' own are copied from."""
    with running_postgres(servers_folder / "postgres", fsync=False) as server:
        _administer(server, f"CREATE DATABASE {_TEMPLATE}")
        engine = make_engine(server.url(_TEMPLATE))
        migrate(engine)
        engine.dispose()
        yield server


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[EmbeddedRedis]:
    """Redis that keeps nothing on disk."""
    with running_redis(servers_folder / "redis", durable=False) as server:
        yield server


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a database without any table, dropped after the test."""
    yield from _database(postgres, "template0")


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a migrated database of the test's own, dropped after it."""
    yield from _database(postgres, _TEMPLATE)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a migrated database of the test's own."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def company_keys(tmp_path_factory: pytest.TempPathFactory) -> CompanyKeys:
    """The keys of a company whose sync service answers on loopback."""
    folder = tmp_path_factory.mktemp("company") / "keys"
    return create_keys(folder, company="Toko Sentosa", hosts=["localhost", "127.0.0.1"])


def _database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url(name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: EmbeddedPostgres, statement: str) -> None:
    engine = make_engine(server.url(), pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()
