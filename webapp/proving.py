"""The worker's jobs over journals: compare what till, router and cloud counted, and project facts
whose kind an update made known. Looked at every few minutes; each may run twice or end half-way.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import structlog
from sqlalchemy import Connection, Engine

from sentra.cloud import proofs
from sentra.cloud.company import find_company
from sentra.cloud.database import make_engine
from sentra.cloud.reproject import retry_what_is_known_now
from webapp.config import read_settings

COMPARE: Final = "proof.company"
RETRY: Final = "facts.company"

_log = structlog.get_logger(__name__)


def compare_job(company_id: str) -> None:
    """Called by the queue."""
    engine = make_engine(read_settings().database_url, pool_size=1, application="worker proof")
    try:
        done = compare_due(engine, time.time_ns() // 1_000_000)
    finally:
        engine.dispose()
    if done:
        _log.info("journals_compared", company=company_id, **done)


def compare_due(engine: Engine, now_ms: int) -> Counter[str]:
    """Compare every journal of which there is something to compare; how many came out how."""
    with engine.connect() as connection:
        found = proofs.due(connection, now_ms)
    done: Counter[str] = Counter()
    for branch_id, terminal_id in found:
        try:
            with engine.begin() as connection:
                outcome = proofs.compare(connection, branch_id, terminal_id, now_ms)
        except Exception:  # One journal never keeps the others from their proof.
            _log.exception("comparing_failed", terminal=terminal_id)
            outcome = "failed"
        if outcome == "different":
            _log.error("journals_differ", branch=branch_id, terminal=terminal_id)
        done[outcome] += 1
    return done


def retry_job(company_id: str) -> None:
    """Called by the queue."""
    engine = make_engine(read_settings().database_url, pool_size=1, application="worker facts")
    try:
        count = retry_what_is_known_now(engine, time.time_ns() // 1_000_000)
    finally:
        engine.dispose()
    if count:
        _log.info("facts_projected", company=company_id, count=count)


def due(connection: Connection) -> list[tuple[str, str]]:
    """(job, subject) of what a worker puts into the queue from time to time."""
    company = find_company(connection)
    return [] if company is None else [(COMPARE, company.id), (RETRY, company.id)]
