"""A code enrols one device, once, and the answer is proved."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from sentra.cloud import devices
from sentra.protocol import enrolment
from sentra.protocol.enrolment import EnrolAnswer, EnrolRequest, answer_is_proved
from tests.integration.sync.conftest import Clock
from tests.integration.sync.requests import slug_of
from tests.present import NOW_MS


def make_code(engine: Engine, branch: str, role: str = "terminal") -> str:
    with engine.begin() as connection:
        made = devices.create_code(connection, branch_id=branch, role=role, now_ms=NOW_MS)
    return enrolment.normalise(made.code)


def an_enrolment(code: str, key: Ed25519PrivateKey) -> bytes:
    public_key = key.public_key().public_bytes_raw().hex()
    proof = enrolment.client_proof(enrolment.proof_key(code), public_key)
    return msgspec.json.encode(
        EnrolRequest(
            lookup=enrolment.lookup_of(code),
            public_key=public_key,
            proof=proof,
            software="0.1.0",
            host="kasir-1",
        )
    )


def test_a_code_enrols_a_terminal_once_and_the_answer_is_proved(
    client: FlaskClient, engine: Engine, branch: str
) -> None:
    code, key = make_code(engine, branch), Ed25519PrivateKey.generate()
    answered = client.post("/v1/enrol", data=an_enrolment(code, key))
    assert answered.status_code == 200
    answer = msgspec.json.decode(answered.data, type=EnrolAnswer)
    public_key = key.public_key().public_bytes_raw().hex()
    assert answer_is_proved(enrolment.proof_key(code), answer, public_key)
    assert (answer.role, answer.number, answer.branch_id) == ("terminal", 1, branch)
    assert answer.cloud_url == "https://127.0.0.1:8443"
    other = Ed25519PrivateKey.generate()
    again = client.post("/v1/enrol", data=an_enrolment(code, other))
    assert (again.status_code, slug_of(again)) == (403, "code-refused")
    assert "used" in again.get_json(force=True)["detail"]


def test_a_wrong_or_expired_code_enrols_nobody(
    client: FlaskClient, engine: Engine, branch: str, clock: Clock
) -> None:
    code, key = make_code(engine, branch), Ed25519PrivateKey.generate()
    wrong = code[:-1] + ("A" if code[-1] != "A" else "B")
    answered = client.post("/v1/enrol", data=an_enrolment(wrong, key))
    assert (answered.status_code, slug_of(answered)) == (403, "code-refused")
    assert "wrong" in answered.get_json(force=True)["detail"]
    clock.now_ms += enrolment.CODE_LIFETIME_MS + 1
    answered = client.post("/v1/enrol", data=an_enrolment(code, key))
    assert (answered.status_code, slug_of(answered)) == (403, "code-refused")
    assert "expired" in answered.get_json(force=True)["detail"]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM device")).scalar_one() == 0


def test_guessing_codes_is_slowed_down_but_enrolling_a_whole_branch_is_not(
    client: FlaskClient, engine: Engine, branch: str
) -> None:
    key = Ed25519PrivateKey.generate()
    for _ in range(25):
        code = make_code(engine, branch)
        made = client.post("/v1/enrol", data=an_enrolment(code, Ed25519PrivateKey.generate()))
        assert made.status_code == 200
    guesses = [client.post("/v1/enrol", data=an_enrolment("0" * 12, key)) for _ in range(21)]
    assert {one.status_code for one in guesses[:20]} == {403}
    assert (guesses[20].status_code, slug_of(guesses[20])) == (429, "too-many")


def test_a_routers_bad_certificate_request_is_a_problem(
    client: FlaskClient, engine: Engine, branch: str
) -> None:
    code = make_code(engine, branch, "router")
    answered = client.post("/v1/enrol", data=an_enrolment(code, Ed25519PrivateKey.generate()))
    assert (answered.status_code, slug_of(answered)) == (400, "certificate-request-refused")
