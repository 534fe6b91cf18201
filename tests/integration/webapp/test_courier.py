"""Courier files in the back office: uploaded by whoever looks after the branch, taken in once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from sentra.cloud.company import the_company
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.cloud.tables import app_user, import_run, journal_entry
from sentra.courier import packing
from sentra.courier.files import Receipt
from syncd.daemon.outbound.courier import TillDepot
from tests.present import NOW_MS
from tests.support.backoffice import Clients, token_of
from tests.support.chain import Chain
from tests.support.courier import offline_device
from tests.support.tills import sell
from tests.support.worker import environment_of
from webapp.config import Settings
from webapp.courier.job import CourierJob
from webapp.worker import JOBS

SALES = 4


@pytest.fixture
def job(
    settings: Settings,
    chain_engine: Engine,
    redis_client: RedisClient,
    monkeypatch: pytest.MonkeyPatch,
) -> CourierJob:
    """The worker's job without its process."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    return CourierJob(settings, chain_engine, redis_client)


@pytest.fixture
def depot(
    tmp_path: Path,
    as_owner: Engine,
    company_keys: CompanyKeys,
    chain: Chain,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TillDepot]:
    """A till of Sanggata that has sold without a network."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    with as_owner.connect() as connection:
        company = the_company(connection)
    branch = chain.branches["SGT"]
    made = offline_device(tmp_path / "till", as_owner, company_keys, company, branch, number=9)
    sell(*made, SALES)
    yield TillDepot(*made)
    made[0].close()


@pytest.fixture
def part(depot: TillDepot, tmp_path: Path) -> bytes:
    packed = packing.pack(depot, tmp_path / "sales", now_ms=NOW_MS)
    return packed.written[0].read_bytes()


def send(client: FlaskClient, content: bytes, **fields: str) -> TestResponse:
    data = {"file": (io.BytesIO(content), "sales.courier"), **fields}
    data["csrf_token"] = token_of(client, "/courier")
    return client.post("/courier", data=data, content_type="multipart/form-data")


def taken_in(client: FlaskClient, job: CourierJob, content: bytes) -> str:
    """The address of a file that was uploaded and done."""
    answer = send(client, content)
    assert answer.status_code == 303, answer.text
    job.do(answer.location.rpartition("/")[2])
    return str(answer.location)


def entries(engine: Engine, terminal: str) -> int:
    question = select(func.count()).where(journal_entry.c.terminal_id == terminal)
    with engine.connect() as connection:
        return connection.execute(question).scalar_one()


def runs(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(import_run)).scalar_one()


def test_an_uploaded_file_is_taken_in_and_its_receipt_satisfies_the_till(
    signed_in: Clients, job: CourierJob, depot: TillDepot, part: bytes, chain_engine: Engine
) -> None:
    client = signed_in()
    page = taken_in(client, job, part)
    terminal = depot.sender.device_id
    assert entries(chain_engine, terminal) == SALES
    assert "The sales are in the cloud" in client.get(page).text
    receipt = client.get(f"{page}/receipt")
    assert f"{terminal}.receipt" in receipt.headers["Content-Disposition"]
    assert depot.take_receipt(msgspec.json.decode(receipt.data, type=Receipt).marks) == 1
    assert depot.pieces(terminal, depot.starts()[terminal]) == []

    again = taken_in(client, job, part)
    assert "Nothing was new" in client.get(again).text
    assert entries(chain_engine, terminal) == SALES
    assert "sales.courier" in client.get("/courier").text
    assert "sales.courier" not in client.get("/imports").text


def test_a_job_that_is_started_twice_does_its_work_once(
    signed_in: Clients, job: CourierJob, part: bytes
) -> None:
    client = signed_in()
    page = taken_in(client, job, part)
    job.do(page.rpartition("/")[2])
    assert f'<td class="num">{SALES}</td>' in client.get(page).text


def test_an_altered_file_is_refused_with_a_sentence_and_changes_nothing(
    signed_in: Clients, job: CourierJob, depot: TillDepot, part: bytes, chain_engine: Engine
) -> None:
    client = signed_in()
    page = taken_in(client, job, part[:-1] + bytes([part[-1] ^ 1]))
    shown = client.get(page).text
    assert "The file was not taken in" in shown
    assert "its signature is wrong" in shown
    assert client.get(f"{page}/receipt").status_code == 404
    assert entries(chain_engine, depot.sender.device_id) == 0


def test_what_is_no_courier_file_is_refused_at_once(
    signed_in: Clients, chain_engine: Engine
) -> None:
    client = signed_in()
    for content in (b"PK\x03\x04 a spreadsheet", b""):
        answer = send(client, content)
        assert answer.status_code == 422
        assert "sales.courier" in answer.text
    assert runs(chain_engine) == 0


def test_only_who_looks_after_the_branch_may_bring_its_file(
    signed_in: Clients, job: CourierJob, part: bytes, chain: Chain, as_owner: Engine
) -> None:
    page = taken_in(signed_in(), job, part)
    stranger = signed_in("budi")
    with as_owner.begin() as connection:
        elsewhere = next(one for code, one in chain.branches.items() if code != "SGT")
        connection.execute(
            app_user.update().where(app_user.c.login == "budi").values(branch_ids=[elsewhere])
        )
    answer = send(stranger, part)
    assert answer.status_code == 422
    assert "a branch that you do not look after" in answer.text
    assert stranger.get(page).status_code == 404
    assert "sales.courier" not in stranger.get("/courier").text


def test_a_form_without_its_token_and_a_person_without_the_right_are_refused(
    signed_in: Clients, part: bytes
) -> None:
    owner, cashier = signed_in(), signed_in("kasir")
    fields = {"file": (io.BytesIO(part), "sales.courier")}
    assert owner.post("/courier", data=fields).status_code == 400
    assert cashier.get("/courier").status_code == 403


def test_every_job_of_the_worker_is_there() -> None:
    for place in JOBS.values():
        module, _, name = place.rpartition(".")
        assert callable(getattr(import_module(module), name))
