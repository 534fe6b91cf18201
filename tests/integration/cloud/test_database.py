"""A database that does not answer stops the start with a sentence, after some patience."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from sentra.cloud.database import (
    DatabaseUnavailable,
    DatabaseUrlWrong,
    make_engine,
    wait_for_database,
)
from sentra.cloud.redis_client import (
    RedisUnavailable,
    RedisUrlWrong,
    connect_redis,
    wait_for_redis,
)
from sentra.embedded.postgres import prepare_postgres


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_database_that_is_not_there_is_named_without_its_password(dead_port: int) -> None:
    engine = make_engine(f"postgresql://sari:rahasia@127.0.0.1:{dead_port}/sentra")
    with pytest.raises(DatabaseUnavailable) as told:
        wait_for_database(engine, seconds_max=0.3)
    assert f"127.0.0.1:{dead_port}" in str(told.value)
    assert "SENTRA_DATABASE_URL" in str(told.value)
    assert "rahasia" not in str(told.value)
    assert told.value.retry


def test_a_database_that_comes_up_late_is_waited_for(tmp_path: Path) -> None:
    server = prepare_postgres(tmp_path, fsync=False)
    engine = make_engine(server.url())
    starter = threading.Thread(target=server.start)
    starter.start()
    try:
        wait_for_database(engine, seconds_max=20)
        with engine.connect() as connection:
            assert connection.execute(text("SHOW server_encoding")).scalar_one() == "UTF8"
    finally:
        starter.join()
        engine.dispose()
        server.stop()


@pytest.mark.parametrize("url", ["", "nothing", "mysql://host/db", "postgresql//host"])
def test_an_address_that_is_not_postgresqls_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlWrong, match="SENTRA_DATABASE_URL"):
        make_engine(url)


def test_a_redis_that_is_not_there_is_told(dead_port: int) -> None:
    client = connect_redis(f"redis://127.0.0.1:{dead_port}")
    with pytest.raises(RedisUnavailable, match="SENTRA_REDIS_URL"):
        wait_for_redis(client, seconds_max=0.3)
    client.close()


def test_an_address_that_is_not_rediss_is_refused() -> None:
    with pytest.raises(RedisUrlWrong):
        connect_redis("http://localhost")
