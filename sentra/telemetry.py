"""Logs as JSON lines and request metrics: the same shape from every program.

A log line is one JSON object with `at`, `level`, `logger`, `program` and `event` ahead of its own
fields. Whatever is named like a secret is blanked before it is written, wherever it stands.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog
from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from flask import Flask, Response

REDACTED: Final = "[redacted]"

REDACT_DEPTH_MAX: Final = 6
"""How deep a logged value is searched for secrets; what lies deeper is not written at all."""

LEVELS: Final = ("debug", "info", "warning", "error")

_SECRET: Final = re.compile(
    r"(^|[_-])(key|pin|password|passphrase|secret|token|proof|pepper|cookie|authorization|csr)s?$",
    re.IGNORECASE,
)
_NOT_SECRET: Final = frozenset({"public_key", "idempotency_key", "cloud_public_key"})

_SECONDS_BUCKETS: Final = (0.002, 0.005, 0.01, 0.015, 0.03, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds in seconds around the reaches of the measures: 15, 30 and 100 ms."""

REQUESTS: Final = Counter(
    "sentra_http_requests_total",
    "Requests answered",
    ("program", "method", "endpoint", "status"),
)
REQUEST_SECONDS: Final = Histogram(
    "sentra_http_request_seconds",
    "Time from a request's arrival to its answer",
    ("program", "endpoint"),
    buckets=_SECONDS_BUCKETS,
)


def configure_logging(program: str, *, level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of this process, those of libraries too, as JSON lines to a stream.

    Args:
        program: written into every line, `syncd-daemon` for example.
        level: one of `LEVELS`.
        stream: standard output unless given; a command that prints results logs to `sys.stderr`.
    """
    common: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(program),
        redact,
    ]
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, structlog.stdlib.ExtraAdder(), redact],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _named(program: str) -> structlog.types.Processor:
    def add(_logger: object, _method: str, event: structlog.types.EventDict) -> Any:
        event["program"] = program
        return event

    return add


def redact(
    _logger: object, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """A structlog processor that blanks every value whose name is that of a secret."""
    return {name: _clean(name, value, 0) for name, value in event.items()}


def _clean(name: object, value: object, depth: int) -> object:
    text = str(name)
    if not text.startswith("_") and text not in _NOT_SECRET and _SECRET.search(text):
        return REDACTED
    if not isinstance(value, Mapping):
        return value
    if depth >= REDACT_DEPTH_MAX:
        return REDACTED
    return {inner: _clean(inner, held, depth + 1) for inner, held in value.items()}


def install_request_metrics(app: Flask, program: str) -> None:
    """Count and time each request of a Flask app by endpoint; unknown addresses share one name."""
    from flask import g, request

    @app.before_request
    def begin() -> None:
        g.began_s = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        endpoint = request.endpoint or "unknown"
        REQUESTS.labels(program, request.method, endpoint, str(response.status_code)).inc()
        began_s = g.pop("began_s", None)
        if began_s is not None and not response.is_streamed:
            REQUEST_SECONDS.labels(program, endpoint).observe(time.perf_counter() - began_s)
        return response
