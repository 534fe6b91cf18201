"""What pages queue is done by the worker's own process, once, also what a lost queue held."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

from redis import Redis
from sqlalchemy import Engine, text

from tests.integration.webapp.imports import columns, names, status, upload
from tests.support.backoffice import Clients, post
from tests.support.worker import environment_of, running_worker, worker
from webapp.config import Settings

__all__ = ["worker"]

Until = Callable[..., None]
WORKER_SECONDS_MAX = 60.0


def is_archived(engine: Engine) -> bool:
    """Whether the worker has archived every journal, which nobody asked it to do."""
    behind = text(
        "SELECT NOT EXISTS (SELECT FROM journal_head h LEFT JOIN archive_head a"
        " USING (terminal_id, epoch, seq) WHERE a.seq IS NULL)"
    )
    with engine.connect() as connection:
        return bool(connection.execute(behind).scalar_one())


def test_the_worker_does_what_pages_queue_and_ends_when_asked(
    signed_in: Clients, chain_engine: Engine, worker: subprocess.Popen[str], until: Until
) -> None:
    client = signed_in()
    run_id = upload(client)
    post(client, f"/imports/{run_id}/check", **columns(chain_engine, run_id))
    until(lambda: status(chain_engine, run_id) == "preview", WORKER_SECONDS_MAX)
    post(client, f"/imports/{run_id}/start")
    until(lambda: status(chain_engine, run_id) == "done", WORKER_SECONDS_MAX)
    assert len(names(chain_engine)) == 3
    until(lambda: is_archived(chain_engine), WORKER_SECONDS_MAX)
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=20)
    assert worker.returncode == 0
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"program": "worker", "event": "import_done", "taken": 3}.items() <= {
        name: value
        for line in lines
        if line["event"] == "import_done" and not line["dry_run"]
        for name, value in line.items()
    }.items()


def test_what_a_lost_queue_held_is_found_by_the_next_worker(
    signed_in: Clients, chain_engine: Engine, settings: Settings, until: Until
) -> None:
    client = signed_in()
    run_id = upload(client)
    post(client, f"/imports/{run_id}/check", **columns(chain_engine, run_id))
    queue = Redis.from_url(settings.queue_url)
    queue.flushall()
    queue.close()
    with running_worker(environment_of(settings)):
        until(lambda: status(chain_engine, run_id) == "preview", WORKER_SECONDS_MAX)
