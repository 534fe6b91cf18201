"""`sentra worker`: does the jobs that pages put into the queue, one process for each job.

A job is a name of `JOBS` and the id of a row that says everything else. The queue may be lost:
what a row says is queued is put into the queue again when a worker starts, and then every few
minutes, and so is what has to be done regularly. So every job must be able to run twice.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

import structlog
from redis import Redis
from rq import Queue, Worker
from rq.exceptions import DuplicateJobError
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.keys import load_keys
from sentra.cloud.redis_client import connect_redis, wait_for_redis
from sentra.cloud.schema import require_newest
from sentra.cloud.tables import import_run
from webapp import archiving, feed_keeping, proving
from webapp.config import Settings

QUEUE: Final = "sentra"

JOBS: Final = {
    "import.catalogue": "webapp.catalogue.importing.job.import_run_job",
    "import.courier": "webapp.courier.job.courier_job",
    archiving.JOB: "webapp.archiving.archive_job",
    proving.COMPARE: "webapp.proving.compare_job",
    proving.RETRY: "webapp.proving.retry_job",
    feed_keeping.JOB: "webapp.feed_keeping.keep_job",
}
"""Name of a job -> its function, which is called with one id."""

JOB_SECONDS_MAX: Final = 30 * 60
"""A million rows take a few minutes; what runs longer than this hangs."""

KEPT_SECONDS: Final = 24 * 60 * 60
"""How long the queue remembers a job that ended; what came of it is in the database."""

RECOVER_SECONDS: Final = 5 * 60
"""How often jobs are looked for that the queue has lost."""

_log = structlog.get_logger(__name__)


def enqueue(queue_url: str, job: str, subject_id: str) -> None:
    """Put a job into the queue; one that waits or runs already is not doubled.

    Raises redis.RedisError where the queue does not answer: the row stays queued, and the next
    worker finds it.
    """
    redis = _connect(queue_url)
    try:
        _enqueue(_queue(redis), job, subject_id)
    finally:
        redis.close()


def work(settings: Settings, *, burst: bool = False) -> None:
    """Work until SIGTERM or SIGINT, which let the job at hand end first; `burst`: until idle."""
    load_keys(settings.keys_dir)
    redis = _connect(settings.queue_url)
    wait_for_redis(redis)
    engine = make_engine(settings.database_url, pool_size=1, application="worker")
    wait_for_database(engine)
    with engine.connect() as connection:
        require_newest(connection)
    for function in JOBS.values():
        import_module(function.rpartition(".")[0])  # Once here, instead of in each job's process.
    queue = _queue(redis)
    worker = _Worker(
        [queue],
        connection=redis,
        serializer=JSONSerializer,
        maintenance_interval=RECOVER_SECONDS,
    )
    worker.recover = lambda: _recover(engine, queue)
    worker.work(burst=burst)
    engine.dispose()


class _Worker(Worker):
    """RQ's worker, which also looks for what the queue has lost."""

    recover: Callable[[], None]

    def run_maintenance_tasks(self) -> None:
        """Called by RQ at the start and every `maintenance_interval` seconds."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]  # RQ: untyped
        try:
            self.recover()
        except OperationalError as error:
            # A database that is just recovering must not end the worker: the next time will do.
            _log.warning("lost_jobs_not_looked_for", reason=str(error.orig).strip())


def _connect(queue_url: str) -> Redis:
    redis = connect_redis(queue_url)
    assert isinstance(redis, Redis), "the queue is never a cluster"  # noqa: S101 - see config
    return redis


def _queue(redis: Redis) -> Queue:
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def _enqueue(queue: Queue, job: str, subject_id: str) -> bool:
    job_id = f"{job.replace('.', '-')}-{subject_id}"
    known = queue.fetch_job(job_id)
    if known is not None and known.get_status() in (JobStatus.QUEUED, JobStatus.STARTED):
        return False
    if known is not None:
        known.delete()
    try:
        queue.enqueue_call(
            JOBS[job],
            args=(subject_id,),
            job_id=job_id,
            description=f"{job} {subject_id}",
            timeout=JOB_SECONDS_MAX,
            result_ttl=KEPT_SECONDS,
            failure_ttl=KEPT_SECONDS,
            unique=True,
        )
    except DuplicateJobError:
        return False
    return True


def _recover(engine: Engine, queue: Queue) -> None:
    waiting = select(import_run.c.id, import_run.c.kind).where(
        import_run.c.status.in_(("queued", "running"))
    )
    with engine.connect() as connection:
        rows = connection.execute(waiting).all()
        regular = [
            *archiving.due(connection),
            *feed_keeping.due(connection),
            *proving.due(connection),
        ]
    for job, subject in regular:
        _enqueue(queue, job, subject)
    for row in rows:
        if _enqueue(queue, f"import.{row.kind}", row.id):
            _log.info("job_put_back", job=f"import.{row.kind}", subject=row.id)
