"""What every app of ours does: headers, languages, theme, static files, probes, strictness."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import UndefinedError

from sentra.web.factory import create_app
from sentra.web.preferences import safe_next


def test_nothing_inline_may_run(client: FlaskClient) -> None:
    policy = client.get("/gallery").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ],
)
def test_every_answer_carries_the_security_headers(
    client: FlaskClient, header: str, value: str
) -> None:
    for path in ("/gallery", "/nowhere", "/v1/broken"):
        assert client.get(path).headers[header] == value


def test_https_is_demanded_only_where_it_is_spoken(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/healthz").headers
    secure = create_app("shop", secret_key="tests only", https=True).test_client()
    assert "max-age=" in secure.get("/healthz").headers["Strict-Transport-Security"]


def test_indonesian_is_spoken_first(client: FlaskClient) -> None:
    assert '<html lang="id"' in client.get("/gallery/till").text


def test_a_language_in_the_address_is_kept(client: FlaskClient) -> None:
    assert '<html lang="en"' in client.get("/gallery/till?lang=en").text
    assert '<html lang="en"' in client.get("/gallery/till").text


def test_an_unknown_language_changes_nothing(client: FlaskClient) -> None:
    assert '<html lang="id"' in client.get("/gallery/till?lang=xx").text


def test_the_theme_is_that_of_the_device_until_somebody_chooses(client: FlaskClient) -> None:
    assert 'data-bs-theme="auto"' in client.get("/gallery/till").text
    client.set_cookie("sentra_theme", "dark")
    assert 'data-bs-theme="dark"' in client.get("/gallery/till").text


def test_a_choice_is_kept_and_leads_back(client: FlaskClient) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/gallery/till").text)
    assert token is not None
    form = {"csrf_token": token[1], "value": "en", "next": "/gallery/till?x=1"}
    answer = client.post("/preferences/language", data=form)
    assert (answer.status_code, answer.location) == (303, "/gallery/till?x=1")
    assert '<html lang="en"' in client.get("/gallery/till").text


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "x", "/a\nb", ""],
)
def test_nobody_is_led_to_another_server(elsewhere: str) -> None:
    assert safe_next(elsewhere) == "/"


def test_a_static_file_is_kept_for_a_year_under_the_name_of_its_release(
    client: FlaskClient,
) -> None:
    address = re.search(r'href="(/static/[0-9a-f]+/css/base.css)"', client.get("/gallery").text)
    assert address is not None
    with client.get(address[1]) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.mimetype == "text/css"
    with client.get(re.sub(r"/static/[0-9a-f]+/", "/static/older/", address[1])) as older:
        assert older.status_code == 200
        assert older.headers["Cache-Control"] == "no-cache"


def test_a_large_style_sheet_travels_compressed_and_is_not_sent_twice(
    client: FlaskClient,
) -> None:
    asking = {"Accept-Encoding": "gzip"}
    with client.get("/static/x/vendor/tabler.min.css", headers=asking) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert b"--tblr-" in gzip.decompress(answer.data)
        etag = answer.headers["ETag"]
    with client.get(
        "/static/x/vendor/tabler.min.css", headers=asking | {"If-None-Match": etag}
    ) as again:
        assert again.status_code == 304


@pytest.mark.parametrize("path", ["../setup.cfg", "css/../../setup.cfg", "css", "css/none.css"])
def test_nothing_outside_the_static_folder_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/x/{path}").status_code == 404


def test_a_name_that_is_not_there_stops_the_page(app: Flask) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_error_handler(UndefinedError, lambda error: (str(error), 500))
    assert "missing" in app.test_client().get("/say?template={{ missing }}").text


def test_the_probes_answer(client: FlaskClient) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").get_json() == {"ready": True, "parts": {}}
    assert "sentra_http_requests_total" in client.get("/metrics").text


def test_a_part_that_does_not_answer_makes_the_server_not_ready() -> None:
    def fail() -> None:
        raise ConnectionError("no database")

    app = create_app(
        "shop", secret_key="tests only", checks={"database": fail, "redis": lambda: None}
    )
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {"ready": False, "parts": {"database": "down", "redis": "ok"}}


def test_a_server_for_devices_needs_no_token() -> None:
    app = create_app("service", secret_key="tests only", csrf=False)
    app.add_url_rule("/v1/journal", "journal", lambda: "taken", methods=["POST"])
    assert app.test_client().post("/v1/journal").text == "taken"


def test_only_good_answers_to_devices_go_without_a_browsers_headers() -> None:
    app = create_app("service", secret_key="tests only", csrf=False)
    app.add_url_rule("/v1/journal", "journal", lambda: "taken", methods=["POST"])
    app.add_url_rule("/v1/feed", "feed", lambda: "page")
    app.add_url_rule("/v1/odd", "odd", lambda: ("made", 201))
    app.add_url_rule("/page", "page", lambda: "page")
    client = app.test_client()
    assert set(client.post("/v1/journal").headers.keys()) == {"Content-Type", "Content-Length"}
    feed = client.get("/v1/feed").headers
    assert set(feed.keys()) == {"Content-Type", "Content-Length", "Cache-Control"}
    assert feed["Cache-Control"] == "no-store"
    for path, method in (
        ("/v1/journal", "GET"),
        ("/v1/nothing", "POST"),
        ("/v1/odd", "GET"),
        ("/v1", "GET"),
        ("/page", "GET"),
        ("/readyz", "GET"),
    ):
        headers = client.open(path, method=method).headers
        assert headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
