"""What the daemon counts, and the small server that shows it on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from cheroot.wsgi import Server
from prometheus_client import Counter, Gauge, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SENT: Final = Counter(
    "sentra_daemon_segments_sent_total", "Segments that a store answered for", ("store",)
)
SENT_BYTES: Final = Counter("sentra_daemon_sent_bytes_total", "Their sealed bytes", ("store",))
FAILED: Final = Counter(
    "sentra_daemon_failures_total", "Turns that failed, by store and problem", ("store", "problem")
)
APPLIED: Final = Counter("sentra_daemon_feed_pages_total", "Pages of the feed applied")
BACKLOG: Final = Gauge(
    "sentra_daemon_backlog_entries", "Entries not yet there", ("terminal", "store")
)
OLDEST_AGE: Final = Gauge(
    "sentra_daemon_oldest_age_seconds", "Age of the oldest of them", ("terminal", "store")
)

FORGOTTEN: Final = Counter(
    "sentra_daemon_entries_forgotten_total", "Archived entries dropped for their age", ("terminal",)
)

_THREADS: Final = 2
_PLAIN: Final = [("Content-Type", "text/plain; charset=utf-8")]


class MetricsServer:
    """`/metrics`, `/healthz` (the process answers) and `/readyz` (every till's loop turns)."""

    def __init__(self, port: int, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._metrics: WSGIApplication = make_wsgi_app()
        self._server = Server(("127.0.0.1", port), self._answer, numthreads=_THREADS)
        self._server.shutdown_timeout = 1
        self._server.prepare()
        self.port = int(self._server.bind_addr[1])

    def start(self) -> None:
        """Serves in a thread."""
        threading.Thread(target=self._server.serve, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Ends within a second."""
        self._server.stop()

    def _answer(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return self._metrics(environ, respond)
        if path == "/healthz" or (path == "/readyz" and self._ready()):
            respond("200 OK", _PLAIN)
            return [b"ok\n"]
        if path == "/readyz":
            respond("503 Service Unavailable", _PLAIN)
            return [b"not ready\n"]
        respond("404 Not Found", _PLAIN)
        return [b"not found\n"]
