"""Errors: one shape for machines, one page for people, a message inside htmx; never a traceback."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

PAGES = (400, 403, 404, 405, 409, 413, 429, 500, 503)


@pytest.mark.parametrize("status", PAGES)
@pytest.mark.parametrize(("language", "home"), [("id", "Ke halaman pertama"), ("en", "To the fir")])
def test_each_status_has_a_page_in_both_languages(
    client: FlaskClient, status: int, language: str, home: str
) -> None:
    answer = client.get(f"/refuse/{status}?lang={language}")
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert home in answer.text
    assert f'<html lang="{language}"' in answer.text


def test_a_rare_status_borrows_the_words_of_its_family(client: FlaskClient) -> None:
    assert client.get("/refuse/418?lang=en").status_code == 418
    assert "That request could not be read" in client.get("/refuse/418?lang=en").text


def test_the_api_gets_problem_json(client: FlaskClient) -> None:
    answer = client.get("/v1/problem")
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert answer.headers["Retry-After"] == "7"
    assert json.loads(answer.data) == {
        "type": "urn:sentra:problem:price-moved",
        "title": "Ada yang lebih dulu",
        "detail": "Someone was first.",
        "status": 409,
        "retry": True,
        "retry_after_s": 7,
        "id": 3,
    }


def test_who_prefers_json_gets_json_anywhere(client: FlaskClient) -> None:
    answer = client.get("/refuse/404", headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json(force=True)["type"] == "urn:sentra:problem:not-found"


def test_htmx_gets_a_message_and_leaves_the_page_alone(client: FlaskClient) -> None:
    answer = client.get("/problem?lang=en", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer.data == b""
    assert answer.headers["HX-Reswap"] == "none"
    toast = json.loads(answer.headers["HX-Trigger"])["sentra:toast"]
    assert toast == {
        "message": "Somebody was quicker",
        "detail": "Someone was first.",
        "tone": "bad",
    }


@pytest.mark.parametrize("path", ["/broken", "/v1/broken"])
def test_a_bug_shows_a_reference_and_no_detail(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_the_reference_of_a_bug_is_written_down(
    client: FlaskClient, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    reference = client.get("/v1/broken").get_json(force=True)["reference"]
    # Where to, depends on whether another test of this process has set up the programs' telemetry.
    assert reference in capsys.readouterr().out + caplog.text


def test_a_failure_says_its_own_sentence(client: FlaskClient) -> None:
    answer = client.get("/failure", headers={"Accept": "application/json"})
    assert answer.status_code == 503
    body = answer.get_json(force=True)
    assert body["type"] == "urn:sentra:problem:drawer-locked"
    assert body["detail"] == "The drawer A is locked."
    assert body["retry"] is True


def test_a_method_that_is_not_taken_names_those_that_are(client: FlaskClient) -> None:
    assert "POST" in client.get("/form").headers["Allow"]


def test_a_form_without_its_token_is_refused_with_what_to_do(client: FlaskClient) -> None:
    answer = client.post("/form?lang=en")
    assert answer.status_code == 400
    assert "This page was open for too long." in answer.text


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    client.application.config["MAX_CONTENT_LENGTH"] = 10
    answer = client.post("/form", data={"text": "x" * 100})
    assert answer.status_code == 413
