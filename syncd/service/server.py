"""The process that serves: gunicorn with gevent's worker, started from code.

gevent, because most connections are streams that wait: an idle one costs some kilobytes, where a
thread each would cost megabytes. `patch` must be called before anything imports `ssl`.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gevent
import structlog
from flask import Flask

from sentra.web.server import Server
from syncd.service import answers
from syncd.service.inbound.parts import EXTENSION, Parts

END_S: Final = 5
"""How long requests at hand may take when the process is asked to end."""

KEEPALIVE_S: Final = 75
"""Longer than a balancer's own idle time, so that it never sends into a closing connection."""

BACKLOG: Final = 2_048
"""Connections that wait to be accepted: all devices of a region come back at once."""

ANSWERING_CONNECTIONS: Final = 2_000
"""Connections beside the streams."""

SWITCH_S: Final = 0.001
"""How long a thread may keep the interpreter while others wait: the hub must not feel a backlog."""

GC_OBJECTS: Final = 1_000_000
"""Four envelopes at hand are half as many objects, and free themselves: looking through them for
circles took a fifth of the service's time at 200,000. What leaks in circles stays below 150 MB."""

_ENDING_POLL_S: Final = 0.2
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: the certificate with its chain, and its key."""

    certificate: Path
    key: Path


def serve(
    make_app: Callable[[], Flask], *, bind: str, workers: int, streams_max: int, tls: Tls | None
) -> None:
    """Serve until the process is asked to end. Raises SystemExit, as gunicorn does."""
    raise_open_files_limit()
    answers.install()
    options: dict[str, Any] = {
        "bind": bind,
        "workers": workers,
        "worker_class": "gevent",
        "worker_connections": streams_max + ANSWERING_CONNECTIONS,
        "backlog": BACKLOG,
        "keepalive": KEEPALIVE_S,
        "graceful_timeout": END_S,
        "timeout": 60,
        "when_ready": _announce,
        "post_worker_init": _settle,
    }
    if tls is not None:
        options |= {"certfile": str(tls.certificate), "keyfile": str(tls.key)}
    Server(make_app, options).run()


def raise_open_files_limit() -> None:
    """Each connection is an open file: take what the system allows this account."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(arbiter: Any) -> None:
    """Say where it listens, with the port that the kernel chose where none was asked for."""
    for listener in arbiter.LISTENERS:
        host, port = listener.sock.getsockname()[:2]
        _log.info("listening", address=f"{host}:{port}", tls=arbiter.cfg.is_ssl)


def _settle(worker: Any) -> None:
    """Tune a worker that has made its app, and let its streams end with it."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 10, 10)
    here: Parts = worker.wsgi.extensions[EXTENSION]
    gevent.spawn(here.streams.follow, here.redis)
    gevent.spawn(here.streams.tend)
    gevent.spawn(_end_streams_with, worker, here)


def _end_streams_with(worker: Any, here: Parts) -> None:
    while worker.alive:
        gevent.sleep(_ENDING_POLL_S)
    here.streams.stop()
