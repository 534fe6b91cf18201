"""The back office's settings: read once from the environment, typed, refused by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentra import i18n
from sentra.cloud.snapshots import RETENTION, Retention
from sentra.config import Environment
from sentra.telemetry import LEVELS

POSTGRES_SCHEMES: Final = ("postgresql", "postgresql+psycopg2")
REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
QUEUE_SCHEMES: Final = ("redis", "rediss", "unix")

SETTINGS: Final = "sentra-settings"
"""Where the app keeps its settings among its extensions."""

THREADS_DEFAULT: Final = 128
"""One for each open page that listens for news, beside those that answer requests; an idle one
costs some tens of kilobytes."""

CONNECTIONS_DEFAULT: Final = 10
"""Database connections of one process: requests that wait for PostgreSQL at one time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `bootstrap` needs. `queue_url` is the job queue's Redis, never a cluster.

    Files go to the bucket `s3_bucket`, or to the folder `object_dir` where there is no bucket.
    `feed_retention` says which revisions of the feed stay though a snapshot covers them.
    `sync_url` is the address that tills and routers are told at enrolment. `proxies` is how many
    servers of ours (balancer, CDN) stand between browsers and this process.
    """

    database_url: str
    redis_url: str
    queue_url: str
    s3_bucket: str | None
    object_dir: Path
    keys_dir: Path
    public_url: str
    sync_url: str
    log_level: str
    language: str
    threads: int
    database_connections: int
    proxies: int
    gallery: bool
    feed_retention: Retention = RETENTION

    @property
    def https(self) -> bool:
        """Whether browsers reach the back office over https."""
        return self.public_url.startswith("https://")


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process.

    Raises:
        ConfigError: a setting is missing or wrong; its sentence names it.
    """
    read = Environment(environment)
    redis_url = read.url("SENTRA_REDIS_URL", schemes=REDIS_SCHEMES)
    return Settings(
        database_url=read.url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES),
        redis_url=redis_url,
        queue_url=read.url("SENTRA_QUEUE_URL", schemes=QUEUE_SCHEMES, default=redis_url),
        s3_bucket=read.optional("SENTRA_S3_BUCKET"),
        object_dir=read.folder("SENTRA_OBJECT_DIR", Path("objects")),
        keys_dir=read.folder("SENTRA_KEYS_DIR", must_exist=True),
        public_url=read.url(
            "SENTRA_PUBLIC_URL", schemes=("http", "https"), default="http://127.0.0.1:8000"
        ).rstrip("/"),
        sync_url=read.url(
            "SENTRA_SYNC_URL", schemes=("https",), default="https://127.0.0.1:8443"
        ).rstrip("/"),
        log_level=read.choice("SENTRA_LOG_LEVEL", LEVELS, "info"),
        language=i18n.language(environment),
        threads=read.number("SENTRA_WEB_THREADS", THREADS_DEFAULT, least=4, most=2_000),
        database_connections=read.number(
            "SENTRA_DATABASE_CONNECTIONS", CONNECTIONS_DEFAULT, least=2, most=200
        ),
        proxies=read.number("SENTRA_PROXIES", 0, least=0, most=5),
        gallery=read.flag("SENTRA_GALLERY"),
        feed_retention=Retention(
            revisions=read.number(
                "SENTRA_FEED_KEEP_REVISIONS", RETENTION.revisions, least=0, most=1_000_000
            ),
            days=read.number("SENTRA_FEED_KEEP_DAYS", RETENTION.days, least=0, most=3_650),
        ),
    )
