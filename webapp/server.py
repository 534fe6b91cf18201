"""The process that serves the back office: gunicorn with many threads, started from code.

Threads, because psycopg2 waits in C and an open page's stream only sleeps: a thread that does
either costs next to nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from webapp.live import EXTENSION, Live

END_S: Final = 10
"""How long requests at hand may take when the process is asked to end."""

KEEPALIVE_S: Final = 75
"""Longer than the balancer's own idle time, so that it never sends into a closing connection."""

BACKLOG: Final = 512


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn over an app that is made in each worker, after the fork."""

    def __init__(self, make_app: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._make_app = make_app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take the options instead of a file or a command line."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app; called once in each worker."""
        return self._make_app()


class _Log(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's messages go where all others go: to the root logger, as JSON lines."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's signature
        """Attach no handler of gunicorn's own."""
        self.loglevel = logging.INFO
        self.error_log.setLevel(logging.INFO)
        self.error_log.propagate = True
        self.access_log.disabled = True


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
        "control_socket_disable": True,
        "logger_class": _Log,
        "post_worker_init": _end_streams_with,
    }
    Server(make_app, options).run()


def _end_streams_with(worker: Any) -> None:
    """Let open streams end when the worker is asked to, instead of holding it to its deadline."""
    live: Live = worker.wsgi.extensions[EXTENSION]
    live.ending = lambda: not worker.alive
