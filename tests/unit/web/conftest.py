"""An app with the routes that the tests of `sentra.web` ask."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask, abort, render_template_string, request
from flask.testing import FlaskClient

from sentra.failures import Failure
from sentra.web.errors import Problem
from sentra.web.factory import create_app
from sentra.web.permissions import SIGNED_IN, install_guard, public, requires
from tests.present import NOW_MS


class DrawerLocked(Failure):
    """A failure that a route does not catch."""

    code = "drawer-locked"
    sentence = "The drawer %(name)s is locked."
    retry = True


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with some permissions."""

    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        return permission in self.permissions


PEOPLE = {
    "owner": Person(frozenset({"catalogue.edit"})),
    "member": Person(frozenset()),
}


@pytest.fixture
def app() -> Flask:
    """An app whose person is named by a header, with one route per behaviour."""
    app = create_app("shop", secret_key="tests only", gallery=True, clock=lambda: NOW_MS)
    add_routes(app)
    install_guard(
        app,
        who=lambda: PEOPLE.get(request.headers.get("X-Person", "")),
        sign_in_url=lambda: "/sign-in",
    )
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A stranger's browser."""
    return app.test_client()


def add_routes(app: Flask) -> None:
    @app.get("/products")
    @requires("catalogue.edit")
    def products() -> str:
        return "products"

    @app.get("/me")
    @requires(SIGNED_IN)
    def me() -> str:
        return "me"

    @app.post("/form")
    @public("a test's form")
    def form() -> str:
        return "taken"

    @app.get("/refuse/<int:status>")
    @public("a test's refusal")
    def refuse(status: int) -> str:
        abort(status)

    @app.get("/problem")
    @app.get("/v1/problem", endpoint="api_problem")
    @public("a test's problem")
    def problem() -> str:
        raise Problem(
            "price-moved", 409, "Someone was first.", retry=True, retry_after_s=7, members={"id": 3}
        )

    @app.get("/failure")
    @public("a test's failure")
    def failure() -> str:
        raise DrawerLocked(name="A")

    @app.get("/broken")
    @app.get("/v1/broken", endpoint="api_broken")
    @public("a test's bug")
    def broken() -> str:
        raise ZeroDivisionError("secret detail")

    @app.get("/say")
    @public("a test's template")
    def say() -> str:
        return render_template_string(request.args["template"], value=-47_260, zone="WITA")

    @app.get("/forgotten")
    def forgotten() -> str:
        return "nobody said who may"
