"""Who may call a route: each view says so with `requires` or `public`, and nothing else is served.

The marks are data on the view; `install_guard` enforces them before each request, and refuses a
view without a mark, so that a forgotten one is a closed door. Who is asking is passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from flask import Flask, abort, redirect, request
from werkzeug.wrappers import Response

_MARK: Final = "__sentra_access__"
SIGNED_IN: Final = "signed-in"
"""The permission that every signed-in person has."""

View = TypeVar("View", bound=Callable[..., Any])


class Subject(Protocol):
    """Whoever is signed in."""

    def may(self, permission: str) -> bool:
        """Whether this person has the permission, `catalogue.edit` for example."""
        ...


class _Access:
    """A view's mark: the permission it needs, or the reason why it needs none."""

    __slots__ = ("permission", "reason")

    def __init__(self, permission: str | None, reason: str | None) -> None:
        self.permission = permission
        self.reason = reason


def requires(permission: str) -> Callable[[View], View]:
    """Mark a view as open to people who have the permission (`SIGNED_IN`: to all signed in)."""
    return _marking(_Access(permission, None))


def public(reason: str) -> Callable[[View], View]:
    """Mark a view as open to strangers, with the reason why that is right."""
    return _marking(_Access(None, reason))


def _marking(access: _Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _MARK, access)
        return view

    return mark


def permission_of(app: Flask, endpoint: str) -> str | None:
    """The permission an endpoint needs; None where it is public. Raises KeyError if unmarked."""
    access = getattr(app.view_functions[endpoint], _MARK, None)
    if access is None:
        raise KeyError(f"{endpoint} says neither @requires(…) nor @public(…)")
    permission: str | None = access.permission
    return permission


def unguarded_endpoints(app: Flask) -> list[str]:
    """The endpoints that say neither `requires` nor `public`; a test holds this list empty."""
    return sorted(name for name, view in app.view_functions.items() if not hasattr(view, _MARK))


def install_guard(
    app: Flask,
    *,
    who: Callable[[], Subject | None],
    sign_in_url: Callable[[], str],
) -> None:
    """Enforce the marks: strangers are sent to sign in, people without the permission get 403.

    `who` returns the person of this request or None; `sign_in_url` where a stranger goes.
    """

    @app.before_request
    def guard() -> Response | None:
        if request.endpoint is None:
            return None  # Nothing is there: the 404 page answers.
        access = getattr(app.view_functions[request.endpoint], _MARK, None)
        if access is None:
            abort(403)
        if access.permission is None:
            return None
        person = who()
        if person is None:
            return _to_sign_in(sign_in_url())
        if access.permission != SIGNED_IN and not person.may(access.permission):
            abort(403)
        return None


def _to_sign_in(url: str) -> Response:
    """Send a stranger to the sign-in page, also from inside an htmx request or from an API."""
    if request.path.startswith("/v1/"):
        abort(401)
    if request.headers.get("HX-Request") == "true":
        return Response(status=200, headers={"HX-Redirect": url})
    return redirect(url, 303)
