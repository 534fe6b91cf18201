"""Signed requests: exactly these bytes, by this device, at about this time."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.protocol.errors import ClockSkewed, ProtocolError, SignatureWrong
from sentra.protocol.signing import WINDOW_MS, parse, sign, verify
from tests.unit.protocol.shapes import KEY, OTHER_KEY, PUBLIC, ids

NOW_MS = 1_790_000_000_000
NONCE = b"\x03" * 12
DEVICE = "01980000-0000-7000-8000-00000000000a"


def header(body: bytes = b"body", time_ms: int = NOW_MS) -> str:
    return sign(KEY, DEVICE, "POST", "/v1/x?a=1", body, time_ms, NONCE)


def check(
    text: str, method: str = "POST", target: str = "/v1/x?a=1", body: bytes = b"body"
) -> None:
    verify(parse(text), PUBLIC, method, target, body, NOW_MS)


@given(ids, st.binary(max_size=50), st.binary(min_size=12, max_size=12))
def test_a_signed_request_is_true(device: str, body: bytes, nonce: bytes) -> None:
    made = sign(KEY, device, "GET", "/v1/y", body, NOW_MS, nonce)
    signature = parse(made)
    assert (signature.device, signature.time_ms) == (device, NOW_MS)
    verify(signature, PUBLIC, "GET", "/v1/y", body, NOW_MS)


def test_another_method_target_body_or_key_is_false() -> None:
    check(header())
    with pytest.raises(SignatureWrong):
        check(header(), method="GET")
    with pytest.raises(SignatureWrong):
        check(header(), target="/v1/x?a=2")
    with pytest.raises(SignatureWrong):
        check(header(), body=b"Body")
    with pytest.raises(SignatureWrong):
        verify(parse(header()), OTHER_KEY.public_key(), "POST", "/v1/x?a=1", b"body", NOW_MS)


def packed_of(text: str) -> bytes:
    encoded = text.removeprefix("v1 ")
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


def text_of(packed: bytes) -> str:
    return "v1 " + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@pytest.mark.parametrize(("start", "end"), [(0, 16), (16, 22), (22, 34), (34, 98)])
def test_another_device_time_nonce_or_signature_is_false(start: int, end: int) -> None:
    other = sign(KEY, DEVICE[:-1] + "b", "POST", "/v1/x?a=1", b"", NOW_MS + 1, b"\x04" * 12)
    mixed = bytearray(packed_of(header()))
    mixed[start:end] = packed_of(other)[start:end]
    with pytest.raises(SignatureWrong):
        check(text_of(bytes(mixed)))


def test_a_header_costs_a_live_sale_little() -> None:
    assert len(header()) == 134


@pytest.mark.parametrize("clock_ms", [-1, -(10**15), 10**18])
def test_a_clock_beyond_all_times_still_signs_and_is_told_the_time(clock_ms: int) -> None:
    with pytest.raises(ClockSkewed):
        check(header(time_ms=clock_ms))


@pytest.mark.parametrize("off_ms", [-WINDOW_MS - 1, WINDOW_MS + 1, 10**14])
def test_a_true_signature_of_another_time_is_skewed(off_ms: int) -> None:
    with pytest.raises(ClockSkewed):
        check(header(time_ms=NOW_MS + off_ms))


@pytest.mark.parametrize("off_ms", [-WINDOW_MS, 0, WINDOW_MS])
def test_within_the_window_it_is_taken(off_ms: int) -> None:
    check(header(time_ms=NOW_MS + off_ms))


@given(st.text(max_size=120))
def test_a_header_that_is_none_is_refused(text: str) -> None:
    for made in (text, "v1 " + text, header()[: -len(text) or None] + text, header() + text):
        if made == header():
            continue
        try:
            check(made)
        except ProtocolError:
            continue
        raise AssertionError("it was taken")


@pytest.mark.parametrize(
    "missing", [None, "", "v1 ", "v2" + "A" * 132, "v1 " + "=" * 131, "v1 " + "é" * 131]
)
def test_a_missing_or_odd_header_is_refused(missing: str | None) -> None:
    with pytest.raises(SignatureWrong):
        parse(missing)
