"""An enrolment code makes one device, once, and both sides prove that they know it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store
from sqlalchemy import Engine, func, select

from sentra.cloud import devices, feed
from sentra.cloud.certificates import RequestRefused, router_name
from sentra.cloud.devices import ROUTER, TERMINAL, Enrolment, EnrolRequestMalformed
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.tables import device
from sentra.events import Device
from sentra.protocol import enrolment
from sentra.protocol.bodies import decode_decision
from sentra.protocol.enrolment import CODE_LIFETIME_MS, EnrolRequest
from sentra.protocol.errors import CodeRefused
from tests.present import NOW_MS

CLOUD_URL = "https://localhost:8443"


@dataclass(frozen=True)
class Office:
    """A back office with one branch, and devices that knock at its door."""

    engine: Engine
    keys: CompanyKeys
    branch_id: str

    def code(self, role: str = TERMINAL, name: str | None = None) -> str:
        with self.engine.begin() as connection:
            made = devices.create_code(
                connection, branch_id=self.branch_id, role=role, name=name, now_ms=NOW_MS
            )
        return made.code

    def enrol(self, request: EnrolRequest, after_ms: int = 0) -> Enrolment:
        return devices.redeem(
            self.engine, request, keys=self.keys, cloud_url=CLOUD_URL, now_ms=NOW_MS + after_ms
        )

    def refusal(self, request: EnrolRequest, after_ms: int = 0) -> str:
        with pytest.raises(CodeRefused) as refused:
            self.enrol(request, after_ms)
        return refused.value.reason

    def enrolled(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(device)).scalar_one()


@pytest.fixture
def office(engine: Engine, company_keys: CompanyKeys, make_branch: Callable[..., str]) -> Office:
    return Office(engine, company_keys, make_branch("SGT"))


def request_with(code: str, **changes: Any) -> EnrolRequest:
    text = enrolment.normalise(code)
    public_key = str(changes.pop("public_key", secrets.token_hex(32)))
    proof = enrolment.client_proof(enrolment.proof_key(text), public_key)
    fields: dict[str, Any] = {
        "software": "0.1.0",
        "host": "kasir-1",
        "public_key": public_key,
        "proof": proof,
    }
    return EnrolRequest(**{"lookup": enrolment.lookup_of(text), **fields, **changes})


def test_a_code_enrols_a_terminal_and_the_answer_is_proved(office: Office) -> None:
    code = office.code()
    request = request_with(code)
    answer = office.enrol(request).answer
    assert (answer.role, answer.number, answer.name) == (TERMINAL, 1, "SGT-1")
    assert (answer.branch_id, answer.zone) == (office.branch_id, "Asia/Makassar")
    assert (answer.company_name, answer.currency) == ("Toko Uji", "IDR")
    assert answer.cloud_public_key == office.keys.public_key
    key = enrolment.proof_key(enrolment.normalise(code))
    assert enrolment.answer_is_proved(key, answer, request.public_key)
    assert not enrolment.answer_is_proved(key, answer, secrets.token_hex(32))


def test_the_branch_is_told_of_its_new_device(office: Office) -> None:
    request = request_with(office.code())
    enrolled = office.enrol(request)
    with office.engine.connect() as connection:
        items = feed.state(connection, office.branch_id)
        head = feed.heads(connection, [office.branch_id])[office.branch_id]
    [told] = [item for item in items if item.kind == "device"]
    assert told.body is not None
    decision = decode_decision("device", told.body)
    assert isinstance(decision, Device)
    assert (decision.id, decision.public_key) == (enrolled.answer.device_id, request.public_key)
    assert enrolled.revision == head


def test_a_code_redeemed_by_two_at_once_is_given_to_one(office: Office) -> None:
    code = office.code()
    start = threading.Barrier(6)

    def attempt(_: int) -> str:
        request = request_with(code)
        start.wait()
        try:
            return office.enrol(request).answer.device_id
        except CodeRefused as refused:
            return refused.reason

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(attempt, range(6)))
    assert outcomes.count("used") == 5
    assert office.enrolled() == 1


def test_terminals_that_enrol_at_once_get_different_numbers(office: Office) -> None:
    requests = [request_with(office.code()) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        numbers = sorted(one.answer.number for one in pool.map(office.enrol, requests))
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_a_device_whose_answer_was_lost_gets_it_again(office: Office) -> None:
    request = request_with(office.code())
    first = office.enrol(request)
    again = office.enrol(request, after_ms=60_000)
    assert again.answer.device_id == first.answer.device_id
    assert office.enrolled() == 1


def test_a_code_dies_after_fifteen_minutes(office: Office) -> None:
    code = office.code()
    assert office.refusal(request_with(code), after_ms=CODE_LIFETIME_MS) == "expired"
    assert office.enrolled() == 0


def test_an_unknown_code_is_wrong(office: Office) -> None:
    assert office.refusal(request_with("0000-0000-0000")) == "wrong"


def test_a_right_lookup_with_a_wrong_secret_is_wrong_and_five_burn_the_code(
    office: Office,
) -> None:
    code = office.code()
    guess = partial(request_with, enrolment.normalise(code)[:4] + "00000000")
    assert [office.refusal(guess()) for _ in range(5)] == ["wrong"] * 5
    assert office.refusal(request_with(code)) == "expired"


def test_a_proof_for_another_key_is_wrong(office: Office) -> None:
    code = office.code()
    seen = request_with(code)
    stolen = request_with(code, public_key=secrets.token_hex(32), proof=seen.proof)
    assert office.refusal(stolen) == "wrong"


def test_a_key_that_is_no_key_is_refused_and_the_code_stays_good(office: Office) -> None:
    code = office.code()
    for public_key in ("", "xyz", "AB" * 32, "ab" * 31):
        with pytest.raises(EnrolRequestMalformed):
            office.enrol(request_with(code, public_key=public_key))
    assert office.enrol(request_with(code)).answer.number == 1


def certificate_request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_a_router_gets_a_certificate_for_its_own_name_under_the_companys_authority(
    office: Office,
) -> None:
    request = request_with(office.code(ROUTER), csr=certificate_request(), addresses=("r:9443",))
    answer = office.enrol(request).answer
    assert (answer.name, answer.number) == ("SGT-R1", 1)
    assert answer.certificate is not None
    chain = x509.load_pem_x509_certificates(answer.certificate.encode())
    authority = x509.load_pem_x509_certificate(answer.anchors.encode())
    name = x509.DNSName(router_name(answer.device_id))
    verifier = PolicyBuilder().store(Store([authority])).build_server_verifier(name)
    assert verifier.verify(chain[0], chain[1:])[-1] == authority


def test_a_router_without_a_certificate_request_is_refused_and_its_code_stays_good(
    office: Office,
) -> None:
    code = office.code(ROUTER)
    with pytest.raises(RequestRefused):
        office.enrol(request_with(code))
    assert office.enrol(request_with(code, csr=certificate_request())).answer.role == ROUTER


def test_a_revoked_device_is_told_as_revoked(office: Office) -> None:
    answer = office.enrol(request_with(office.code(name="Kasir depan"))).answer
    with office.engine.begin() as connection:
        devices.revoke(
            connection,
            answer.device_id,
            now_ms=NOW_MS,
            signing_key=office.keys.signing_key,
        )
        items = feed.state(connection, office.branch_id)
    [body] = [item.body for item in items if item.kind == "device" and item.body is not None]
    decision = decode_decision("device", body)
    assert isinstance(decision, Device)
    assert (decision.revoked, decision.name) == (True, "Kasir depan")
