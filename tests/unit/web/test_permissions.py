"""Who may: the owner is let in, the member is refused, the stranger is sent to sign in."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sentra.web.permissions import permission_of, unguarded_endpoints


@pytest.mark.parametrize(
    ("person", "path", "status"),
    [
        ("owner", "/products", 200),
        ("member", "/products", 403),
        ("", "/products", 303),
        ("owner", "/me", 200),
        ("member", "/me", 200),
        ("", "/me", 303),
    ],
)
def test_the_mark_decides(client: FlaskClient, person: str, path: str, status: int) -> None:
    assert client.get(path, headers={"X-Person": person}).status_code == status


def test_a_stranger_inside_htmx_is_sent_to_sign_in_as_a_whole(client: FlaskClient) -> None:
    answer = client.get("/me", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/sign-in"


def test_a_view_without_a_mark_is_closed_and_listed(app: Flask, client: FlaskClient) -> None:
    assert client.get("/forgotten", headers={"X-Person": "owner"}).status_code == 403
    assert unguarded_endpoints(app) == ["forgotten"]


def test_the_mark_can_be_asked(app: Flask) -> None:
    assert permission_of(app, "products") == "catalogue.edit"
    assert permission_of(app, "healthz") is None
    with pytest.raises(KeyError):
        permission_of(app, "forgotten")


def test_an_address_that_is_not_there_is_not_found_for_strangers_too(client: FlaskClient) -> None:
    assert client.get("/nowhere").status_code == 404
