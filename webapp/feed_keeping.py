"""The worker's job that keeps the feeds short: a snapshot where one is due, then what it covers
goes. It may run twice or end half-way: each scope is one transaction."""

from __future__ import annotations

import time
from typing import Final

import structlog
from sqlalchemy import Connection

from sentra.cloud import snapshots
from sentra.cloud.database import make_engine
from sentra.cloud.keys import load_keys
from sentra.cloud.snapshots import Kept
from webapp.config import Settings, read_settings

JOB: Final = "feed.keep"

_log = structlog.get_logger(__name__)


def keep_job(scope: str) -> None:
    """Called by the queue."""
    keep_feed(read_settings(), scope, time.time_ns() // 1_000_000)


def keep_feed(settings: Settings, scope: str, now_ms: int) -> Kept:
    """Keep one scope's feed short."""
    key = load_keys(settings.keys_dir).signing_key
    engine = make_engine(settings.database_url, pool_size=1, application="worker feed")
    try:
        with engine.begin() as connection:
            kept = snapshots.keep(
                connection, scope, settings.feed_retention, now_ms=now_ms, signing_key=key
            )
    finally:
        engine.dispose()
    if kept.made is not None or kept.dropped:
        revision = None if kept.made is None else kept.made.revision
        _log.info("feed_kept", scope=scope, snapshot=revision, dropped=kept.dropped)
    return kept


def due(connection: Connection) -> list[tuple[str, str]]:
    """(job, subject) of what a worker puts into the queue from time to time."""
    return [(JOB, scope) for scope in snapshots.scopes(connection)]
