"""The worker's job that archives facts: looked at every few minutes, due once an hour a journal.

It is put into the queue again and again by each worker, and may run twice or end half-way: what it
has done is in the database, journal by journal.
"""

from __future__ import annotations

import time
from typing import Final

import structlog
from sqlalchemy import Connection

from sentra.cloud.archive.write import ArchiveReport, Archivist
from sentra.cloud.company import find_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import load_keys
from sentra.cloud.objects import open_objects
from webapp.config import Settings, read_settings

JOB: Final = "archive.company"

_log = structlog.get_logger(__name__)


def archive_job(company_id: str) -> None:
    """Called by the queue. What cannot be archived is logged, and tried again at the next run."""
    archive_due(read_settings(), company_id)


def archive_due(settings: Settings, company_id: str) -> ArchiveReport:
    """Archive every journal that is due."""
    objects = open_objects(settings.s3_bucket, settings.object_dir)
    key = load_keys(settings.keys_dir).signing_key
    engine = make_engine(settings.database_url, pool_size=2, application="worker archive")
    try:
        report = Archivist(engine, objects, key, time.time_ns() // 1_000_000).run()
    finally:
        engine.dispose()
    log = _log.bind(company=company_id)
    for failure in report.failures:
        log.error("archive_refused", code=failure.code, detail=str(failure))
    if report.objects:
        log.info("archived", segments=report.segments, objects=report.objects)
    return report


def due(connection: Connection) -> list[tuple[str, str]]:
    """(job, subject) of what a worker puts into the queue from time to time."""
    company = find_company(connection)
    return [] if company is None else [(JOB, company.id)]
