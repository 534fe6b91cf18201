"""The process that serves the back office: gunicorn with many threads, started from code.

Threads, because psycopg2 waits in C and an open page's stream only sleeps: a thread that does
either costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Flask

from sentra.web.server import Server
from webapp.live import EXTENSION, Live

END_S: Final = 10
"""How long requests at hand may take when the process is asked to end."""

KEEPALIVE_S: Final = 75
"""Longer than the balancer's own idle time, so that it never sends into a closing connection."""

BACKLOG: Final = 512


def serve(make_app: Callable[[], Flask], *, bind: str, workers: int, threads: int) -> None:
    """Serve until the process is asked to end. Raises SystemExit, as gunicorn does."""
    options = {
        "bind": bind,
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "worker_connections": max(1_000, threads * 2),
        "backlog": BACKLOG,
        "keepalive": KEEPALIVE_S,
        "graceful_timeout": END_S,
        "timeout": 60,
        "post_worker_init": _end_streams_with,
    }
    Server(make_app, options).run()


def _end_streams_with(worker: Any) -> None:
    """Let open streams end when the worker is asked to, instead of holding it to its deadline."""
    live: Live = worker.wsgi.extensions[EXTENSION]
    live.ending = lambda: not worker.alive
