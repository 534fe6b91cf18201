"""The sync service's settings: read once from the environment, typed, refused by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentra import i18n
from sentra.config import Environment
from sentra.telemetry import LEVELS

POSTGRES_SCHEMES: Final = ("postgresql", "postgresql+psycopg2")
REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")

INGEST_THREADS_DEFAULT: Final = 4
"""Envelopes appended at one time, one database connection each: PostgreSQL's share is the larger,
so a few keep both sides busy."""

QUICK_THREADS_DEFAULT: Final = 4
"""Hellos, feed pages and enrolments at one time, so that they never wait behind a backlog."""

STREAMS_DEFAULT: Final = 12_000
"""Listening devices that one process holds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `bootstrap` needs. `sync_url` is the address that devices are told at enrolment."""

    database_url: str
    redis_url: str
    keys_dir: Path
    sync_url: str
    log_level: str
    language: str
    ingest_threads: int
    quick_threads: int
    streams_max: int
    proxies: int


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process.

    Raises:
        ConfigError: a setting is missing or wrong; its sentence names it.
    """
    read = Environment(environment)
    return Settings(
        database_url=read.url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES),
        redis_url=read.url("SENTRA_REDIS_URL", schemes=REDIS_SCHEMES),
        keys_dir=read.folder("SENTRA_KEYS_DIR", must_exist=True),
        sync_url=read.url(
            "SENTRA_SYNC_URL", schemes=("https", "http"), default="https://127.0.0.1:8443"
        ).rstrip("/"),
        log_level=read.choice("SENTRA_LOG_LEVEL", LEVELS, "info"),
        language=i18n.language(environment),
        ingest_threads=read.number(
            "SENTRA_SYNC_INGEST_THREADS", INGEST_THREADS_DEFAULT, least=1, most=64
        ),
        quick_threads=read.number(
            "SENTRA_SYNC_QUICK_THREADS", QUICK_THREADS_DEFAULT, least=1, most=64
        ),
        streams_max=read.number("SENTRA_SYNC_STREAMS", STREAMS_DEFAULT, least=1, most=60_000),
        proxies=read.number("SENTRA_PROXIES", 0, least=0, most=5),
    )
