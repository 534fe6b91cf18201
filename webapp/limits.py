"""How often something may be tried: counted in Redis, so over all pods together."""

from __future__ import annotations

from typing import Any, Final

from flask import Flask, Response, request
from flask_limiter import Limiter

from webapp.identity import member

ADDRESS_LIMIT: Final = "60 per minute"
"""Sign-ins from one address: a whole office behind one line in the morning, and no more."""

LOGIN_LIMIT: Final = "10 per 15 minutes"
"""Failed sign-ins to one account: a person who tries all of his passwords, and no guessing."""

PASSWORD_LIMIT: Final = "10 per 15 minutes"  # noqa: S105 - a limit
"""Failed changes of a password: whoever found a machine unlocked does not get to guess it."""

LOGIN_LENGTH_MAX: Final = 120
FAILED: Final = 422
"""The status of a form that was refused; only those use up a limit."""


def install_limits(app: Flask, redis_url: str) -> None:
    """Put the limits on the views that check a password; call it when all are registered."""
    limiter = Limiter(
        _address, app=app, storage_uri=redis_url.replace("unix://", "redis+unix://", 1)
    )
    views: dict[str, Any] = app.view_functions
    guarded = limiter.limit(ADDRESS_LIMIT)(views["account.sign_in"])
    views["account.sign_in"] = limiter.limit(
        LOGIN_LIMIT, key_func=_login_asked, deduct_when=_failed
    )(guarded)
    views["account.change_password"] = limiter.limit(
        PASSWORD_LIMIT, key_func=_session_user, deduct_when=_failed
    )(views["account.change_password"])


def _address() -> str:
    return request.remote_addr or "unknown"


def _login_asked() -> str:
    """The account that a sign-in is about, however it is written."""
    return "login:" + request.form.get("login", "").strip().lower()[:LOGIN_LENGTH_MAX]


def _session_user() -> str:
    return "user:" + member().id


def _failed(response: Response) -> bool:
    return response.status_code == FAILED
