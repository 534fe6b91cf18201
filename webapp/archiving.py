"""The worker's job that archives facts: looked at every few minutes, due once an hour a journal.

It is put into the queue again and again by each worker, and may run twice or end half-way: what it
has done is in the database, journal by journal.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import Gauge
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from sentra.cloud.archive import lag
from sentra.cloud.archive.read import RESTORED
from sentra.cloud.archive.write import ArchiveReport, Archivist
from sentra.cloud.company import find_company, follow_restore
from sentra.cloud.database import make_engine
from sentra.cloud.keys import load_keys
from sentra.cloud.objects import Objects, open_objects
from sentra.failures import Failure
from sentra.instants import Clock
from webapp.config import Settings, read_settings

JOB: Final = "archive.company"

OLDEST_AGE: Final = Gauge(
    "sentra_archive_oldest_age_seconds", "Age of the oldest segment that is not archived"
)
FAILED_RUNS: Final = Gauge(
    "sentra_archive_failed_runs", "Runs of the archive so far that left something out"
)

_log = structlog.get_logger(__name__)


def watch(engine: Engine, clock: Clock) -> None:
    """Let this process tell Prometheus of the archive, read at each scrape: a worker's process
    ends with its job and can be asked nothing."""

    def age_s(connection: Connection) -> float:
        oldest_ms = lag.oldest_waiting_ms(connection)
        return 0.0 if oldest_ms is None else (clock() - oldest_ms) / 1_000

    OLDEST_AGE.set_function(_reading(engine, age_s))
    FAILED_RUNS.set_function(
        _reading(engine, lambda connection: float(lag.runs(connection).failed_count))
    )


def _reading(engine: Engine, read: Callable[[Connection], float]) -> Callable[[], float]:
    """NaN while the database does not answer, so that all other metrics can still be read."""

    def reading() -> float:
        try:
            with engine.connect() as connection:
                return read(connection)
        except SQLAlchemyError:
            return math.nan

    return reading


def archive_job(company_id: str) -> None:
    """Called by the queue. What cannot be archived is logged, and tried again at the next run."""
    archive_due(read_settings(), company_id)


def archive_due(settings: Settings, company_id: str) -> ArchiveReport:
    """Archive every journal that is due; first, after a restore of the database, take back what
    only the archive still has."""
    objects = open_objects(settings.s3_bucket, settings.object_dir)
    key = load_keys(settings.keys_dir).signing_key
    engine = make_engine(settings.database_url, pool_size=2, application="worker archive")
    log, now_ms = _log.bind(company=company_id), time.time_ns() // 1_000_000
    try:
        with engine.begin() as connection:
            follow_restore(connection, now_ms)
        failures = list(_take_back(engine, objects, key, now_ms))
        report = Archivist(engine, objects, key, now_ms).run()
    finally:
        engine.dispose()
    for failure in (*failures, *report.failures):
        log.error("archive_refused", code=failure.code, detail=str(failure))
    if report.objects:
        log.info("archived", segments=report.segments, objects=report.objects)
    return report


def _take_back(
    engine: Engine, objects: Objects, key: Ed25519PrivateKey, now_ms: int
) -> Sequence[Failure]:
    """Whoever appends facts takes them back; the back office does not know how."""
    failures: list[Failure] = []
    for point in entry_points(group=RESTORED):
        taken = point.load()(engine, objects, key, now_ms)
        if taken is not None:
            failures += taken.failures
            if taken.entries or taken.devices:
                _log.warning("archive_taken_back", entries=taken.entries, devices=taken.devices)
    return failures


def due(connection: Connection) -> list[tuple[str, str]]:
    """(job, subject) of what a worker puts into the queue from time to time."""
    company = find_company(connection)
    return [] if company is None else [(JOB, company.id)]
