"""Requests at a router as bytes, and the problems that answer them."""

from __future__ import annotations

import http.client
import secrets
import ssl
from collections.abc import Callable
from contextlib import closing

import msgspec

from sentra.protocol import signing
from sentra.protocol.messages import Problem
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import device_of, now_ms
from tests.support.journals import Journal

Until = Callable[..., None]


def raw(
    running: Running,
    journal: Journal,
    method: str,
    target: str,
    body: bytes = b"",
    **signed: object,
) -> tuple[int, bytes]:
    """A request with a signature that the test may bend: key, time_ms, nonce, signed_body."""
    nonce = signed.get("nonce", secrets.token_bytes(signing.NONCE_BYTES))
    assert isinstance(nonce, bytes)
    key = signed.get("key", journal.key)
    header = signing.sign(
        key,  # type: ignore[arg-type]  # the test's own
        journal.terminal,
        method,
        target,
        signed.get("signed_body", body),  # type: ignore[arg-type]  # the test's own
        int(str(signed.get("time_ms", now_ms()))),
        nonce,
    )
    headers = {} if signed.get("unsigned") else {signing.HEADER: header}
    context = ssl.create_default_context(cadata=running.cloud.authority.anchors)
    context.check_hostname = False
    with closing(
        http.client.HTTPSConnection("127.0.0.1", running.port, timeout=20, context=context)
    ) as connection:
        connection.request(method, target, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def slug_of(answer: tuple[int, bytes]) -> tuple[int, str]:
    problem = msgspec.json.decode(answer[1], type=Problem)
    assert problem.status == answer[0]
    return answer[0], problem.type.rpartition(":")[2]


def assert_only_for_terminals(
    running: Running, target: str, own: Journal, other: Journal, until: Until
) -> None:
    """Whoever is no terminal of the branch is refused; `other` is revoked to see that."""
    assert slug_of(raw(running, own, "GET", target, unsigned=True))[0] == 401
    assert slug_of(raw(running, own, "GET", target, key=other.key))[0] == 401
    assert slug_of(raw(running, Journal(9), "GET", target)) == (401, "device-unknown")
    running.cloud.publish_branch(device_of(own), device_of(other, revoked=True))
    until(lambda: any(device.revoked for device in running.router.devices.all()))
    assert slug_of(raw(running, other, "GET", target)) == (403, "device-revoked")
