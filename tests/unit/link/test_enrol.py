"""Enrolment: only who knows the code is believed, and nothing is sent that gives it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.link.enrol import DeviceFacts, enrol
from sentra.link.errors import CloudUnproved, CodeMistyped, EnrolmentRefused, LinkDown
from sentra.protocol.enrolment import (
    EnrolAnswer,
    EnrolRequest,
    client_proof,
    code_from,
    display,
    proof_key,
    prove_answer,
)
from sentra.protocol.messages import Problem, problem_type
from tests.support.https import Answer, Answering, Asked, Authority, HttpsServer

KEY = Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)
PUBLIC = KEY.public_key().public_bytes_raw().hex()
CODE = code_from(bytes(range(40, 52)))
FACTS = DeviceFacts("0.1", "till-pc", ("10.0.0.2:8443",))
ANSWER = EnrolAnswer(
    device_id="d",
    role="terminal",
    number=1,
    name="1",
    branch_id="b",
    branch_code="SGT",
    branch_name="Sanggata",
    zone="Asia/Makassar",
    company_id="c",
    company_name="Toko Maju",
    currency="IDR",
    cloud_url="https://sync.example",
    anchors="PEM",
    cloud_public_key="00" * 32,
    pepper="00",
    timeline="t",
    server_time_ms=1,
)

Serve = Callable[[Answering], HttpsServer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A server that the device has never heard of."""
    running: list[HttpsServer] = []

    def start(answering: Answering) -> HttpsServer:
        paths = Authority("Unknown").write(tmp_path, ("elsewhere.example",))
        running.append(HttpsServer(*paths, answering).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__(None, None, None)


def proved(answer: EnrolAnswer = ANSWER, code: str = CODE) -> Answer:
    return Answer(body=msgspec.json.encode(prove_answer(proof_key(code), answer, PUBLIC)))


def test_a_device_and_its_cloud_come_to_trust_each_other_over_the_code(serve: Serve) -> None:
    server = serve(lambda _: proved())
    answer = enrol(server.address, display(CODE), FACTS, KEY, csr="CSR")
    assert msgspec.structs.replace(answer, proof="") == ANSWER
    request = msgspec.json.decode(server.asked[0].body, type=EnrolRequest)
    assert request.public_key == PUBLIC
    assert request.proof == client_proof(proof_key(CODE), PUBLIC)
    assert (request.csr, request.addresses) == ("CSR", ("10.0.0.2:8443",))


def test_the_secret_part_of_the_code_is_never_sent(serve: Serve) -> None:
    server = serve(lambda _: proved())
    enrol(server.address, CODE, FACTS, KEY)
    sent = server.asked[0]
    assert CODE[4:].encode() not in sent.body
    assert CODE[4:] not in sent.target + str(sent.headers)


@pytest.mark.parametrize("typed", [CODE.lower(), f" {display(CODE)} ", CODE.replace("1", "l")])
def test_a_code_may_be_typed_as_people_type(serve: Serve, typed: str) -> None:
    server = serve(lambda _: proved())
    assert enrol(server.address, typed, FACTS, KEY).device_id == "d"


@pytest.mark.parametrize("typed", ["", "ABC", "ABCD-EFGH-JKM!", "ABCD-EFGH-JKMN-P"])
def test_a_mistyped_code_is_told_before_anything_is_sent(serve: Serve, typed: str) -> None:
    server = serve(lambda _: proved())
    with pytest.raises(CodeMistyped):
        enrol(server.address, typed, FACTS, KEY)
    assert server.asked == []


def test_whoever_does_not_know_the_code_is_not_believed(serve: Serve) -> None:
    other = code_from(bytes(range(60, 72)))
    server = serve(lambda _: proved(code=other))
    with pytest.raises(CloudUnproved):
        enrol(server.address, CODE, FACTS, KEY)


@pytest.mark.parametrize("field", ["anchors", "cloud_url", "cloud_public_key", "timeline"])
def test_an_answer_altered_on_its_way_is_not_believed(serve: Serve, field: str) -> None:
    def answering(_: Asked) -> Answer:
        true = prove_answer(proof_key(CODE), ANSWER, PUBLIC)
        return Answer(body=msgspec.json.encode(msgspec.structs.replace(true, **{field: "evil"})))

    server = serve(answering)
    with pytest.raises(CloudUnproved):
        enrol(server.address, CODE, FACTS, KEY)


def test_a_refused_code_says_why(serve: Serve) -> None:
    problem = Problem(
        type=problem_type("code-refused"), title="No", status=403, detail="It has expired."
    )
    server = serve(lambda _: Answer("403 Forbidden", msgspec.json.encode(problem)))
    with pytest.raises(EnrolmentRefused, match=r"It has expired\. Ask for a new one"):
        enrol(server.address, CODE, FACTS, KEY)


@pytest.mark.parametrize(
    "answer", [Answer(body=b"{}"), Answer(body=b"<html>"), Answer("502 Bad", b"<html>")]
)
def test_an_answer_that_is_none_can_be_asked_for_again(serve: Serve, answer: Answer) -> None:
    server = serve(lambda _: answer)
    with pytest.raises(LinkDown):
        enrol(server.address, CODE, FACTS, KEY)
