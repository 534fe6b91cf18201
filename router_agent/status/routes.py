"""HTTP in, the page out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, redirect, render_template, request, session, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from router_agent.status import queries, sign_in
from sentra.domain.permission import Permission, may
from sentra.failures import Failure
from sentra.web.permissions import install_guard, public, requires

if TYPE_CHECKING:
    from router_agent.bootstrap import Router


Answer = Response | str | tuple[str, int]


class _Operator:
    """Whoever is signed in at this router."""

    def __init__(self, roles: list[str]) -> None:
        self._roles = roles

    def may(self, permission: str) -> bool:
        """By the roles that the person had at sign-in."""
        return may(self._roles, permission)


class StatusPages:
    """The views of one router's page."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def register(self, app: Flask) -> None:
        """Adds the routes and the guard in front of them."""
        pages = Blueprint("status", __name__)
        for method, rule, view, mark in (
            ("GET", "/", self.page, requires(Permission.ROUTER_VIEW)),
            ("GET", "/now", self.now, requires(Permission.ROUTER_VIEW)),
            ("POST", "/try-now", self.try_now, requires(Permission.ROUTER_OPERATE)),
            ("GET", "/sign-in", self.ask_pin, public("the page where one signs in")),
            ("POST", "/sign-in", self.sign_in, public("the page where one signs in")),
            ("POST", "/sign-out", self.sign_out, public("signing out needs no permission")),
            ("GET", "/ca.pem", self.anchors, public("the certificate is public by its nature")),
        ):
            pages.add_url_rule(rule, view_func=mark(_function(view)), methods=[method])
        app.register_blueprint(pages)
        install_guard(app, who=self._who, sign_in_url=lambda: url_for("status.ask_pin"))

    def _who(self) -> _Operator | None:
        return _Operator(session["roles"]) if "person" in session else None

    def _view(self) -> dict[str, object]:
        may_operate = may(session["roles"], Permission.ROUTER_OPERATE)
        zone = self._router.identity.zone
        return {"view": queries.status(self._router), "zone": zone, "may_operate": may_operate}

    def page(self) -> str:
        """The whole page."""
        return render_template("router_agent/status/page.html", **self._view())

    def now(self) -> str:
        """Its living part."""
        return render_template("router_agent/status/_now.html", **self._view())

    def try_now(self) -> Response | str:
        """Ends the backoff."""
        self._router.trunk.try_now()
        if request.headers.get("HX-Request") == "true":
            return self.now()
        return redirect(url_for("status.page"), 303)

    def ask_pin(self) -> str:
        """The sign-in form."""
        return self._form(None, "")

    def _form(self, problem: str | None, chosen: str) -> str:
        people = [(p.id, p.name) for p in sign_in.who_may_sign_in(self._router)]
        return render_template(
            "router_agent/status/sign_in.html", people=people, problem=problem, chosen=chosen
        )

    def sign_in(self) -> Response | tuple[str, int]:
        """Checks the PIN."""
        chosen = request.form.get("person", "")
        try:
            person = sign_in.sign_in(self._router, chosen, request.form.get("pin", ""))
        except Failure as failure:
            return self._form(failure.told(gettext), chosen), 422
        session.clear()
        session["person"], session["roles"] = person.id, list(person.roles)
        return redirect(url_for("status.page"), 303)

    def sign_out(self) -> Response:
        """Forgets the person."""
        session.clear()
        return redirect(url_for("status.ask_pin"), 303)

    def anchors(self) -> Response:
        """The company's certificate, for a phone that shall trust this page on the network."""
        return Response(self._router.identity.anchors, content_type="application/x-pem-file")


def _function(view: Callable[[], Answer]) -> Callable[[], Answer]:
    """A bound method cannot carry a mark; a function around it can."""

    @functools.wraps(view)
    def call() -> Answer:
        return view()

    return call
