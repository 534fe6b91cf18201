"""A real `sentra worker` on the servers of a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from webapp.config import Settings

STOP_SECONDS_MAX = 20.0


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a program that runs with a test's settings."""
    return {
        **os.environ,
        "SENTRA_DATABASE_URL": settings.database_url,
        "SENTRA_REDIS_URL": settings.redis_url,
        "SENTRA_QUEUE_URL": settings.queue_url,
        "SENTRA_KEYS_DIR": str(settings.keys_dir),
        "SENTRA_OBJECT_DIR": str(settings.object_dir),
        "SENTRA_LANGUAGE": settings.language,
    }


@contextmanager
def running_worker(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The process; it is asked to end at the end of the block, and must do so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sentra", "worker"],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@pytest.fixture
def worker(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A worker on the test's queue and database."""
    with running_worker(environment_of(settings)) as process:
        yield process
