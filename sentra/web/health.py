"""`/healthz` (the process lives), `/readyz` (its parts answer) and `/metrics` of every server."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from sentra.web.permissions import public

Check = Callable[[], None]
"""Raises when its part does not answer; must return within a second or so."""

_log = structlog.get_logger(__name__)


def install_health(
    app: Flask,
    checks: Mapping[str, Check] | None = None,
    *,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Add the three routes. `checks` names the parts that must answer before traffic comes."""
    parts = dict(checks or {})

    @app.get("/healthz")
    @public("a probe asks without signing in; the answer holds no data")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain")

    @app.get("/readyz")
    @public("a probe asks without signing in; the answer names parts, no data")
    def readyz() -> tuple[dict[str, object], int]:
        states = {name: _state(name, check) for name, check in parts.items()}
        ready = all(state == "ok" for state in states.values())
        return {"ready": ready, "parts": states}, 200 if ready else 503

    @app.get("/metrics")
    @public("Prometheus scrapes without signing in, on a port that stays inside")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _state(name: str, check: Check) -> str:
    try:
        check()
    except Exception:
        _log.warning("not ready", part=name, exc_info=True)
        return "down"
    return "ok"
