"""One route, two answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

import pytest
from flask import Flask, Response

from sentra.web.fragments import go_to, wants_fragment, with_event, with_toast


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_only_a_swap_wants_a_fragment(app: Flask, headers: dict[str, str], wanted: bool) -> None:
    with app.test_request_context(headers=headers):
        assert wants_fragment() is wanted


def test_a_message_and_an_event_travel_together(app: Flask) -> None:
    with app.test_request_context():
        answer = with_event(
            with_toast(Response(), "Harga tersimpan – baik"), "sentra:close-dialogs"
        )
    assert json.loads(answer.headers["HX-Trigger"]) == {
        "sentra:toast": {"message": "Harga tersimpan – baik", "tone": "ok"},
        "sentra:close-dialogs": None,
    }


def test_going_elsewhere_works_from_a_form_and_from_htmx(app: Flask) -> None:
    with app.test_request_context():
        assert go_to("/sales").status_code == 303
    with app.test_request_context(headers={"HX-Request": "true"}):
        assert go_to("/sales").headers["HX-Redirect"] == "/sales"


def test_an_address_keeps_what_is_not_changed(app: Flask) -> None:
    url_with = cast(Callable[..., str], app.jinja_env.globals["url_with"])
    with app.test_request_context("/sales?q=teh&page=3&lang=en"):
        assert url_with(page=4) == "/sales?q=teh&page=4"
        assert url_with(q=None, page=None) == "/sales"
