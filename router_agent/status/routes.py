"""HTTP in, the page out."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import Blueprint, Flask, Response, redirect, render_template, request, session, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as Redirect

from router_agent.parts import RouterParts
from router_agent.status import queries, sign_in
from router_agent.status.verdict import meaning, verdict
from sentra.domain.permission import Permission, may
from sentra.events import Person
from sentra.failures import Failure
from sentra.web.fragments import with_toast
from sentra.web.permissions import install_guard, public, requires

Answer = Redirect | str | tuple[str, int]


class _Operator:
    """Whoever is signed in at this router."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def may(self, permission: str) -> bool:
        """By the roles that the back office gives the person now."""
        return may(self._person.roles, permission)


class StatusPages:
    """The views of one router's page."""

    def __init__(self, router: RouterParts) -> None:
        self._router = router

    def register(self, app: Flask) -> None:
        """Adds the routes and the guard in front of them."""
        pages = Blueprint("status", __name__)
        for method, rule, view, mark in (
            ("GET", "/", self.page, requires(Permission.ROUTER_VIEW)),
            ("GET", "/now", self.now, requires(Permission.ROUTER_VIEW)),
            ("GET", "/details", self.details, requires(Permission.ROUTER_VIEW)),
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
        person = sign_in.find_person(self._router, session.get("person", ""))
        return None if person is None else _Operator(person)

    def _view(self) -> dict[str, object]:
        view, who = queries.status(self._router), self._who()
        return {
            "view": view,
            "verdict": verdict(view),
            "problem": meaning(view.line.problem or view.line.feed_problem),
            "may_operate": who is not None and who.may(Permission.ROUTER_OPERATE),
        }

    def page(self) -> str:
        """The whole page."""
        return render_template("router_agent/status/page.html", **self._view())

    def now(self) -> str:
        """What it says at a glance."""
        return render_template("router_agent/status/_now.html", **self._view())

    def details(self) -> str:
        """The figures below."""
        return render_template("router_agent/status/_details.html", **self._view())

    def try_now(self) -> Redirect:
        """Ends the wait between two tries."""
        self._router.trunk.try_now()
        if request.headers.get("HX-Request") == "true":
            return with_toast(Response(self.now()), gettext("Trying the line now."), "info")
        return redirect(url_for("status.page"), 303)

    def ask_pin(self) -> str:
        """The sign-in form."""
        return self._form(None, "")

    def _form(self, problem: str | None, chosen: str) -> str:
        people = [(p.id, p.name) for p in sign_in.who_may_sign_in(self._router)]
        line = self._router.trunk.state
        return render_template(
            "router_agent/status/sign_in.html",
            people=people,
            problem=problem,
            chosen=chosen,
            trouble=meaning(line.problem or line.feed_problem),
        )

    def sign_in(self) -> Redirect | tuple[str, int]:
        """Checks the PIN."""
        chosen = request.form.get("person", "")
        try:
            person = sign_in.sign_in(self._router, chosen, request.form.get("pin", ""))
        except Failure as failure:
            return self._form(failure.told(gettext), chosen), 422
        session.clear()
        session["person"] = person.id
        return redirect(url_for("status.page"), 303)

    def sign_out(self) -> Redirect:
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
