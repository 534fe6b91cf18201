"""Real servers for the tests, started when the first test asks: one PostgreSQL and one Redis for
each test process, so that `pytest -n` needs no agreement between workers.

`database_url` is a fresh, migrated database for one test (as its owner), `app_database_url` the
same one as the programs' role; `redis_url` an emptied Redis. `company_keys`, `company` and
`make_branch` fill them with what most tests of the cloud start from. `conftest.py` loads these.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, create_engine, text

from sentra.cloud.branches import create_branch
from sentra.cloud.company import CompanyFacts, init_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys, create_keys
from sentra.cloud.redis_client import RedisClient, connect_redis
from sentra.cloud.schema import migrate
from sentra.embedded.postgres import EmbeddedPostgres, running_postgres
from sentra.embedded.redis import EmbeddedRedis, running_redis
from tests.present import NOW_MS

APP_ROLE: Final = "sentra_app"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made inside
MEMORY_FREE_BYTES_MIN: Final = 2 * 1024**3
TEMPLATE: Final = "sentra_template"
_database_numbers = count(1)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where the servers keep their data: in memory where there is enough of it.

    A database for each test is copied in a tenth of the time there.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_FREE_BYTES_MIN
    with tempfile.TemporaryDirectory(prefix="sentra-tests-", dir=MEMORY if roomy else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test process; its databases are gone with it."""
    with running_postgres(servers_folder / "postgres", fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_maintenance(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """A connection for CREATE and DROP DATABASE, with a migrated template beside it."""
    engine = create_engine(postgres.url(), isolation_level="AUTOCOMMIT", pool_size=1)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    template = make_engine(postgres.url(TEMPLATE))
    migrate(template)
    template.dispose()
    yield engine
    engine.dispose()


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres, postgres_maintenance: Engine) -> Iterator[str]:
    """A database without any table, for tests of the migrations themselves."""
    yield from _database(postgres, postgres_maintenance, "template0")


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, postgres_maintenance: Engine) -> Iterator[str]:
    """A fresh database with today's schema, as its owner."""
    yield from _database(postgres, postgres_maintenance, TEMPLATE)


def _database(postgres: EmbeddedPostgres, maintenance: Engine, template: str) -> Iterator[str]:
    name = f"test_{next(_database_numbers)}"
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield postgres.url(name)
    with maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def app_database_url(database_url: str) -> str:
    """The same database as the role that the programs use."""
    return database_url.replace("://postgres@", f"://{APP_ROLE}@")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine of the owner."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def app_engine(app_database_url: str) -> Iterator[Engine]:
    """An engine of the programs' role."""
    made = make_engine(app_database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[EmbeddedRedis]:
    """A server of this test process that keeps nothing."""
    with running_redis(servers_folder / "redis", durable=False) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """An empty Redis."""
    client = connect_redis(redis_server.url())
    client.flushall()
    client.close()
    return redis_server.url()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[RedisClient]:
    """A client of an empty Redis; its answers are bytes."""
    client = connect_redis(redis_url)
    yield client
    client.close()


@pytest.fixture(scope="session")
def company_keys(tmp_path_factory: pytest.TempPathFactory) -> CompanyKeys:
    """The keys of a company whose sync service answers on loopback."""
    folder = tmp_path_factory.mktemp("company") / "keys"
    return create_keys(folder, company="Toko Uji", hosts=("localhost", "127.0.0.1"))


@pytest.fixture
def company(engine: Engine, company_keys: CompanyKeys) -> CompanyFacts:
    """A company in rupiah with its first taxes, and no branch."""
    with engine.begin() as connection:
        return init_company(
            connection,
            name="Toko Uji",
            currency="IDR",
            now_ms=NOW_MS,
            signing_key=company_keys.signing_key,
        )


@pytest.fixture
def make_branch(
    engine: Engine, company: CompanyFacts, company_keys: CompanyKeys
) -> Callable[..., str]:
    """`make_branch("SGT")` makes a branch with its partitions and gives its id."""

    def make(code: str = "SGT", zone: str = "WITA") -> str:
        with engine.begin() as connection:
            return create_branch(
                connection,
                code=code,
                name=f"Cabang {code}",
                zone=zone,
                now_ms=NOW_MS,
                signing_key=company_keys.signing_key,
            )

    return make


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`until(condition)` polls until it holds, and fails after `seconds_max` with what it saw."""

    def poll(condition: Callable[[], object], seconds_max: float = 10.0) -> None:
        deadline = time.monotonic() + seconds_max
        while not (last := condition()):
            assert time.monotonic() < deadline, f"still {last!r} after {seconds_max} s"
            time.sleep(0.01)

    return poll


@pytest.fixture(scope="session")
def shared_data() -> Path | None:
    """The folder with real tickets and catalogues beside the checkout, where there is one."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None
