"""A new till and the real sync service: a typed code, a refusal in words, the first catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from pos_shell.bootstrap import make_app
from pos_shell.config import Settings
from pos_shell.run import now_ms
from pos_shell.till import Till
from sentra.cloud import devices
from sentra.vault.epochs import Forked, note_fork
from tests.integration.sync.conftest import branch, environment, running_service
from tests.support.shop import KEY
from tests.support.tills import a_till

__all__ = ["branch", "environment"]


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path / "till", now_ms, bytes)


@pytest.fixture
def client(till: Till) -> FlaskClient:
    return a_client(till)


def a_client(till: Till) -> FlaskClient:
    app = make_app(Settings(till.folder, "https://127.0.0.1:1", "en", "info"), till, KEY)
    app.config["WTF_CSRF_ENABLED"] = False
    browser = app.test_client()
    browser.get(f"/?key={KEY}")
    return browser


@pytest.fixture
def a_code(engine: Engine, branch: str) -> Callable[[str], str]:
    def make(role: str) -> str:
        with engine.begin() as connection:
            made = devices.create_code(
                connection, branch_id=branch, role=role, name="Kasir 1", now_ms=now_ms()
            )
        return made.code

    return make


def test_a_till_without_a_vault_asks_for_a_code(client: FlaskClient) -> None:
    assert client.get("/").location == "/enrolment/"
    page = client.get("/enrolment/").text
    assert "Enrol this till" in page
    assert "https://127.0.0.1:1" in page
    assert client.get("/sale/").location == "/"
    assert client.get("/sync/status").status_code == 200


def test_only_a_till_that_exists_twice_offers_to_be_enrolled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, _ = a_till(tmp_path / "till")
    till = Till(tmp_path / "till", now_ms, bytes)
    client = a_client(till)
    assert client.get("/enrolment/anew").location == "/"
    assert client.post("/enrolment/anew", data={"code": "X"}).location == "/"
    with vault.writer() as db:
        note_fork(db, Forked(at_ms=1))
    vault.close()
    assert "Enrol this till anew" in client.get("/enrolment/anew").text
    assert "This till exists twice" in client.get("/cashier/").text
    wrong = client.post(
        "/enrolment/anew", data={"code": "ABCD-EFGH-JKMN", "address": "https://127.0.0.1:1"}
    )
    assert wrong.status_code == 422
    assert till.identity.number == 1, "an enrolment that failed changes nothing"
    assert {path.name for path in till.folder.iterdir()} >= {"vault.db"}
    assert not list(till.folder.glob("set-aside-*"))
    till.close()


def test_a_mistyped_code_and_a_cloud_that_does_not_answer_are_sentences(
    client: FlaskClient, till: Till
) -> None:
    short = client.post("/enrolment/", data={"code": "ABC", "address": "https://127.0.0.1:1"})
    assert short.status_code == 422
    assert "twelve letters and digits" in short.text
    silent = client.post(
        "/enrolment/", data={"code": "ABCD-EFGH-JKMN", "address": "https://127.0.0.1:1"}
    )
    assert silent.status_code == 422
    assert "does not answer" in silent.text
    assert not till.is_enrolled


def test_a_terminals_code_makes_a_till_and_a_wrong_or_a_routers_one_makes_none(
    client: FlaskClient,
    till: Till,
    tmp_path: Path,
    environment: dict[str, str],
    company: object,
    a_code: Callable[[str], str],
) -> None:
    with running_service(environment, "--tls") as service:
        wrong = client.post(
            "/enrolment/", data={"code": "ABCD-EFGH-JKMN", "address": service.address}
        )
        assert wrong.status_code == 422
        assert not till.is_enrolled
        code = a_code("terminal")
        typed = f"{code[:4]}-{code[4:8]}-{code[8:]}".lower()
        done = client.post("/enrolment/", data={"code": typed, "address": service.address})
        assert done.location == "/enrolment/waiting", done.text
        other = Till(tmp_path / "other", now_ms, bytes)
        refused = a_client(other).post(
            "/enrolment/", data={"code": a_code("router"), "address": service.address}
        )
        assert refused.status_code == 422
        assert "belongs to a router" in refused.text
    assert till.identity.name == "Kasir 1"
    assert client.get("/").location == "/enrolment/waiting"
    assert "Receiving the catalogue" in client.get("/enrolment/waiting").text
    assert client.get("/enrolment/").location == "/"
    till.close()
