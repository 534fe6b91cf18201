"""The one unsigned request: a typed code against an identity, each side proving its knowledge."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from sentra import i18n
from sentra.link.client import UNREADABLE
from sentra.link.errors import CloudUnproved, CodeMistyped, EnrolmentRefused, LinkDown
from sentra.link.wire import open_pool, parse_address, unproved_context
from sentra.protocol.enrolment import (
    EnrolAnswer,
    EnrolRequest,
    answer_is_proved,
    client_proof,
    lookup_of,
    normalise,
    proof_key,
)
from sentra.protocol.messages import Problem

ANSWER_BYTES_MAX = 256 * 1024
"""An identity with its certificates is about 5 KiB."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device says of itself. `addresses` are a router's host:port on its network."""

    software: str
    host: str
    addresses: tuple[str, ...] = ()


def enrol(
    address: str,
    code: str,
    facts: DeviceFacts,
    key: Ed25519PrivateKey,
    csr: str | None = None,
) -> EnrolAnswer:
    """Who this device is from now on; the answer was proved by knowledge of the code.

    `csr` (PEM) asks for a certificate; the cloud gives one to a router. Raises CodeMistyped,
    EnrolmentRefused, CloudUnproved, LinkDown, AddressWrong.
    """
    try:
        plain = normalise(code)
    except ValueError:
        raise CodeMistyped() from None
    shared = proof_key(plain)
    public = key.public_key().public_bytes_raw().hex()
    request = EnrolRequest(
        lookup=lookup_of(plain),
        public_key=public,
        proof=client_proof(shared, public),
        software=facts.software,
        host=facts.host,
        addresses=facts.addresses,
        csr=csr,
    )
    status, body = _post(address, msgspec.json.encode(request))
    if status != 200:
        raise _refusal(address, status, body)
    try:
        answer = msgspec.json.decode(body, type=EnrolAnswer)
    except UNREADABLE as error:
        raise LinkDown("unreadable", address, error) from error
    if not answer_is_proved(shared, answer, public):
        raise CloudUnproved(address=address)
    return answer


def _post(address: str, body: bytes) -> tuple[int, bytes]:
    """(status, body). The line is encrypted; who is at its end is proved by the answer alone."""
    where = parse_address(address)
    pool = open_pool(where, unproved_context(), None)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Language": i18n.language(),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            response = pool.urlopen(
                "POST",
                "/v1/enrol",
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            return response.status, response.read(ANSWER_BYTES_MAX)
    except HTTPError as error:
        raise LinkDown("no-answer", str(where), error) from error
    finally:
        pool.close()


def _refusal(address: str, status: int, body: bytes) -> EnrolmentRefused | LinkDown:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except UNREADABLE:
        return LinkDown(f"http-{status}", address, f"HTTP {status}")
    return EnrolmentRefused(detail=problem.detail or problem.title)
