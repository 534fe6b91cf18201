"""Gunicorn, started from code with options instead of a file, over an app made in each worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves until the process is asked to end; `run` raises SystemExit, as gunicorn does."""

    def __init__(self, make_app: Callable[[], Flask], options: dict[str, Any]) -> None:
        """`make_app` is called once in each worker, after the fork."""
        self._make_app = make_app
        self._options = {"control_socket_disable": True, "logger_class": _Log, **options}
        super().__init__()

    def load_config(self) -> None:
        """Take the options instead of a file or a command line."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app."""
        return self._make_app()


class _Log(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's messages go where all others go: to the root logger, as JSON lines."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's signature
        """Attach no handler of gunicorn's own."""
        self.loglevel = logging.INFO
        self.error_log.setLevel(logging.INFO)
        self.error_log.propagate = True
        self.access_log.disabled = True
