"""Signed requests at the server's end, for the service and the router alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, request

from sentra.protocol import signing
from sentra.protocol.errors import ClockSkewed, NonceReplayed, SignatureWrong
from sentra.web.devices import (
    NONCE_TTL_MS,
    DeviceUnknown,
    KnownDevice,
    MemoryNonces,
    verify_device,
)
from tests.present import NOW_MS

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNED = "/v1/journal?x=1&y=%2F"
DEVICE = KnownDevice(
    "01980000-0000-7000-8000-000000000001", "terminal", "branch-1", KEY.public_key()
)


class StillClock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def check() -> Callable[..., KnownDevice]:
    app, clock = Flask("test"), StillClock()
    nonces = MemoryNonces(clock)

    def run(
        target: str = SIGNED,
        body: bytes = b"body",
        *,
        signed: bytes = b"body",
        time_ms: int = NOW_MS,
        nonce: bytes = b"123456789012",
        device: str = DEVICE.device_id,
    ) -> KnownDevice:
        signature = signing.sign(
            KEY, device, "POST", "/v1/journal?x=1&y=%2F", signed, time_ms, nonce
        )
        with app.test_request_context(
            target, method="POST", data=body, headers={signing.HEADER: signature}
        ):
            found = {DEVICE.device_id: DEVICE}.get
            return verify_device(request, found, nonces, clock.now_ms)

    return run


def test_a_true_signature_names_its_device(check: Callable[..., KnownDevice]) -> None:
    assert check() is DEVICE


def test_another_body_or_target_is_refused(check: Callable[..., KnownDevice]) -> None:
    with pytest.raises(SignatureWrong):
        check(body=b"other")
    with pytest.raises(SignatureWrong):
        check("/v1/journal?x=2&y=%2F")


def test_a_stranger_is_unknown(check: Callable[..., KnownDevice]) -> None:
    with pytest.raises(DeviceUnknown):
        check(device="01980000-0000-7000-8000-000000000002")


def test_the_window_is_five_minutes_to_both_sides(check: Callable[..., KnownDevice]) -> None:
    check(time_ms=NOW_MS - signing.WINDOW_MS, nonce=b"a" * 12)
    check(time_ms=NOW_MS + signing.WINDOW_MS, nonce=b"b" * 12)
    for wrong in (NOW_MS - signing.WINDOW_MS - 1, NOW_MS + signing.WINDOW_MS + 1):
        with pytest.raises(ClockSkewed):
            check(time_ms=wrong)


def test_a_nonce_is_good_once_and_only_a_true_signature_spends_it(
    check: Callable[..., KnownDevice],
) -> None:
    with pytest.raises(SignatureWrong):
        check(body=b"forged")
    assert check() is DEVICE
    with pytest.raises(NonceReplayed):
        check()


def test_nonces_in_memory_are_forgotten_in_time_and_bounded() -> None:
    clock = StillClock()
    nonces = MemoryNonces(clock, most=3)
    assert nonces.first_time("d", "1", NONCE_TTL_MS)
    assert not nonces.first_time("d", "1", NONCE_TTL_MS)
    assert nonces.first_time("e", "1", NONCE_TTL_MS), "each device has its own"
    clock.now_ms += NONCE_TTL_MS + 1
    assert nonces.first_time("d", "1", NONCE_TTL_MS)
    for number in range(10):
        assert nonces.first_time("f", str(number), NONCE_TTL_MS)
    assert not nonces.first_time("f", "9", NONCE_TTL_MS)
    assert nonces.first_time("f", "0", NONCE_TTL_MS), "the oldest gave way"
