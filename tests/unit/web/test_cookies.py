"""Pages on several ports of one machine keep sessions of their own in one browser."""

from __future__ import annotations

from flask import Flask, session

from sentra.web.factory import create_app
from sentra.web.permissions import public


def _counting(name: str) -> Flask:
    app = create_app(name, secret_key=name)

    @app.get("/count")
    @public("a test's page")
    def count() -> str:
        session["seen"] = session.get("seen", 0) + 1
        return str(session["seen"])

    return app


def test_two_servers_of_one_host_do_not_overwrite_each_others_session() -> None:
    first, second = _counting("first").test_client(), _counting("second").test_client()
    here, there = "http://127.0.0.1:8100", "http://127.0.0.1:8101"
    assert first.get("/count", base_url=here).text == "1"
    answer = second.get("/count", base_url=there)
    for cookie in answer.headers.getlist("Set-Cookie"):
        name, _, rest = cookie.partition("=")
        # One browser sends the cookies of both ports to both.
        first.set_cookie(name, rest.partition(";")[0], domain="127.0.0.1")
    assert first.get("/count", base_url=here).text == "2"


def test_a_server_on_the_usual_port_has_a_plain_name() -> None:
    answer = _counting("one").test_client().get("/count", base_url="http://till.example")
    assert answer.headers["Set-Cookie"].startswith("sentra=")
