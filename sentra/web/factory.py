"""Make a Flask app of ours: roots, languages, theme, headers, CSRF, errors, health, static files.

A program calls `create_app` in its `bootstrap.py`, registers its blueprints and, where people
sign in, calls `permissions.install_guard`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal

from flask import Flask, g
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx
from jinja2 import StrictUndefined
from werkzeug.local import LocalProxy

from sentra.instants import Clock
from sentra.telemetry import install_request_metrics
from sentra.web.addresses import install_addresses
from sentra.web.assets import install_assets, templates_root
from sentra.web.cookies import PortSessions
from sentra.web.errors import install_errors
from sentra.web.filters import install_filters
from sentra.web.gallery import install_gallery
from sentra.web.headers import install_headers
from sentra.web.health import Check, install_health
from sentra.web.preferences import install_preferences

BODY_SIZE_MAX_BYTES: Final = 8 * 1024 * 1024
"""Largest request body unless a program says otherwise: an envelope of some segments fits."""

SESSION_LIFETIME: Final = timedelta(hours=12)
"""A signed cookie session outlives a long working day, and not the night."""

HTMX_CONFIG: Final = {
    "allowEval": False,
    "allowScriptTags": False,
    "allowNestedOobSwaps": False,
    "selfRequestsOnly": True,
    "includeIndicatorStyles": False,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "scrollBehavior": "auto",
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        # A form with mistakes comes back as 422 with its messages: show it.
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}
"""For htmx's meta tag: nothing is evaluated, nothing kept in the browser's storage."""


def create_app(
    name: str,
    *,
    secret_key: str,
    default_language: Literal["id", "en"] = "id",
    https: bool = False,
    csrf: bool = True,
    gallery: bool = False,
    frame: Callable[[], object] | None = None,
    checks: Mapping[str, Check] | None = None,
    clock: Clock = lambda: time.time_ns() // 1_000_000,
    body_size_max_bytes: int = BODY_SIZE_MAX_BYTES,
) -> Flask:
    """Make the app of a program; `name` is its package.

    Args:
        secret_key: signs cookies and CSRF tokens; the same on every pod.
        https: the public address is https, so cookies are Secure and HSTS is sent.
        csrf: check the token on unsafe methods; off for a server that only devices talk to.
        gallery: serve the component gallery under /gallery; for developers.
        frame: makes the layout's frame (see `frames`) once per page.
        checks: parts that `/readyz` asks.
        clock: now, in epoch milliseconds, for ages such as "2 minutes ago".
        body_size_max_bytes: larger requests get 413.
    """
    app = Flask(name, static_folder=None, template_folder=str(templates_root()))
    app.config.update(
        SECRET_KEY=secret_key,
        MAX_CONTENT_LENGTH=body_size_max_bytes,
        MAX_FORM_MEMORY_SIZE=body_size_max_bytes,
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        WTF_CSRF_TIME_LIMIT=None,  # The token lives as long as the session that it is bound to.
        WTF_CSRF_SSL_STRICT=https,
    )
    app.session_interface = PortSessions()
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["htmx_config"] = HTMX_CONFIG
    Htmx(app)
    install_request_metrics(app, name)
    install_preferences(app, default_language=default_language, https=https)
    install_filters(app, clock)
    install_addresses(app)
    install_assets(app)
    install_headers(app, https=https)
    install_errors(app)
    install_health(app, checks)
    _install_csrf(app, enabled=csrf)
    _install_frame(app, frame)
    if gallery:
        install_gallery(app)
    return app


def _install_csrf(app: Flask, *, enabled: bool) -> None:
    """Check tokens, and keep the extension reachable so that a program may exempt its API."""
    if enabled:
        app.extensions["sentra-csrf"] = CSRFProtect(app)
    else:
        app.jinja_env.globals["csrf_token"] = lambda: ""


def csrf_of(app: Flask) -> CSRFProtect:
    """The app's CSRF protection: `csrf_of(app).exempt(blueprint)` for an API signed by devices."""
    return app.extensions["sentra-csrf"]


def _install_frame(app: Flask, frame: Callable[[], object] | None) -> None:
    """Give templates `frame`, made at its first use in a request: a fragment never pays for it."""
    if frame is None:
        return

    def current() -> object:
        if "frame" not in g:
            g.frame = frame()
        return g.frame

    @app.context_processor
    def framed() -> dict[str, object]:
        return {"frame": LocalProxy(current)}
