"""The worker goes on while its database does not answer."""

from __future__ import annotations

from pathlib import Path

import structlog
from redis import Redis
from sqlalchemy import text

from sentra.cloud.database import make_engine
from sentra.cloud.redis_client import RedisClient
from webapp.worker import _queue, _Worker


def test_a_database_that_is_away_ends_no_worker(redis_client: RedisClient, tmp_path: Path) -> None:
    assert isinstance(redis_client, Redis)
    away = make_engine(f"postgresql://nobody@/nothing?host={tmp_path}")
    worker = _Worker([_queue(redis_client)], connection=redis_client)

    def recover() -> None:
        with away.connect() as connection:
            connection.execute(text("SELECT 1"))

    worker.recover = recover
    with structlog.testing.capture_logs() as logged:
        worker.run_maintenance_tasks()
    assert [line["event"] for line in logged] == ["lost_jobs_not_looked_for"]
