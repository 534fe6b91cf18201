"""Where PostgreSQL or Redis does not answer, people get a page that says so, and nobody a crash."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from sentra.cloud.archive import lag
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient, connect_redis
from tests.present import NOW_MS
from tests.support.backoffice import Clients, post, token_of
from tests.support.chain import PASSWORD
from webapp.archiving import archive_due
from webapp.bootstrap import create_webapp
from webapp.config import Settings
from webapp.database import ENGINE


@pytest.fixture
def without_database(
    settings: Settings, redis_client: RedisClient, company_keys: CompanyKeys, tmp_path: Path
) -> Flask:
    """The back office with a database that is not there."""
    nowhere = f"postgresql://sentra_app@/none?host={tmp_path}"
    return create_webapp(
        replace(settings, database_url=nowhere),
        clock=lambda: NOW_MS,
        engine=make_engine(nowhere),
        redis=redis_client,
        keys=company_keys,
    )


@pytest.fixture
def without_redis(
    settings: Settings, chain_engine: Engine, company_keys: CompanyKeys, tmp_path: Path
) -> Flask:
    """The back office with a Redis that is not there."""
    nowhere = f"unix://{tmp_path}/none.sock"
    return create_webapp(
        replace(settings, redis_url=nowhere),
        clock=lambda: NOW_MS,
        engine=chain_engine,
        redis=connect_redis(nowhere),
        keys=company_keys,
    )


def test_signing_in_without_a_database_is_answered_with_a_page(without_database: Flask) -> None:
    client = without_database.test_client()
    token = token_of(client, "/sign-in?lang=en")
    data = {"login": "ratna", "password": PASSWORD, "csrf_token": token}
    answer = client.post("/sign-in", data=data)
    assert answer.status_code == 503
    assert "Tills go on selling" in answer.text
    assert answer.headers["Retry-After"] == "30"


def test_a_page_whose_database_went_away_says_so_and_keeps_the_session(
    settings: Settings,
    webapp: Flask,
    without_database: Flask,
    signed_in: Clients,
) -> None:
    cookie = signed_in().get_cookie("sentra")
    assert cookie
    client = without_database.test_client()
    client.set_cookie("sentra", cookie.value)
    assert client.get("/today").status_code == 503
    fragment = client.get("/today", headers={"HX-Request": "true"})
    assert fragment.status_code == 503
    assert fragment.headers["HX-Reswap"] == "none", "the figures stay as they are"
    again = webapp.test_client()
    again.set_cookie("sentra", cookie.value)
    assert again.get("/today").status_code == 200


def test_without_redis_nobody_is_signed_out_or_in_but_told_to_wait(without_redis: Flask) -> None:
    client = without_redis.test_client()
    client.set_cookie("sentra", "some-session")
    client.set_cookie("sentra_language", "en")
    answer = client.get("/today")
    assert answer.status_code == 503
    assert "Back in a moment" in answer.text
    kept = client.get_cookie("sentra")
    assert kept and kept.value == "some-session"


@pytest.mark.parametrize("app", ["without_database", "without_redis"])
def test_the_probes_tell_the_two_apart(app: str, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(app).test_client()
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    absent = app.removeprefix("without_")
    assert ready.json == {
        "ready": False,
        "parts": {"database": "ok", "redis": "ok"} | {absent: "down"},
    }


def test_the_probes_of_a_whole_back_office_are_content(webapp: Flask) -> None:
    client = webapp.test_client()
    assert client.get("/readyz").json == {
        "ready": True,
        "parts": {"database": "ok", "redis": "ok"},
    }
    assert "sentra_http_requests_total" in client.get("/metrics").text


def test_a_question_that_takes_too_long_is_ended_and_explained(
    webapp: Flask, signed_in: Clients, as_owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in()
    monkeypatch.setattr("webapp.database.STATEMENT_MS_MAX", 150)
    webapp.extensions[ENGINE].dispose()  # The next connection takes the shorter limit.
    with as_owner.connect() as connection, connection.begin():
        connection.execute(text("LOCK TABLE branch IN ACCESS EXCLUSIVE MODE"))
        answer = client.get("/today")
    assert answer.status_code == 503
    assert "too much at once" in answer.text
    assert client.get("/today").status_code == 200


def test_nothing_is_written_when_the_form_comes_from_elsewhere(signed_in: Clients) -> None:
    client = signed_in()
    assert client.post("/people", data={"name": "X", "csrf_token": "forged"}).status_code == 400
    assert post(client, "/people", name="").status_code == 422


def metrics_of(app: Flask) -> dict[str, float]:
    """The values that have no labels, by name."""
    lines = app.test_client().get("/metrics").get_data(as_text=True).splitlines()
    plain = (line.split() for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in plain}


def test_metrics_tell_how_old_the_oldest_is_that_is_not_archived(
    webapp: Flask, settings: Settings, chain_engine: Engine
) -> None:
    with chain_engine.begin() as connection:
        oldest_ms = connection.execute(text("SELECT min(received_at_ms) FROM segment")).scalar_one()
        lag.note_run(connection, NOW_MS, failed=True)
    told = metrics_of(webapp)
    assert told["sentra_archive_oldest_age_seconds"] == (NOW_MS - oldest_ms) / 1_000
    assert told["sentra_archive_failed_runs"] == 1
    archive_due(settings, "company")
    told = metrics_of(webapp)
    assert told["sentra_archive_oldest_age_seconds"] == 0
    assert told["sentra_archive_failed_runs"] == 1


def test_metrics_are_told_also_without_a_database(without_database: Flask) -> None:
    assert math.isnan(metrics_of(without_database)["sentra_archive_oldest_age_seconds"])
