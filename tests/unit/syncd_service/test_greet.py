"""What a hello may say, and what it is answered."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import Hello, watermark_is_true
from syncd.service.operations.greet import (
    ADDRESSES_MAX,
    ProtocolUnsupported,
    answer_hello,
    choose_protocol,
    hear,
    notices_for,
)
from tests.present import NOW_MS
from tests.support.journals import an_id

BRANCH, TERMINAL = an_id(1), an_id(2)


def a_hello(**changed: object) -> Hello:
    said = Hello(software="0.1.0", protocols=(1,), clock_ms=NOW_MS, heads={}, timeline="t", feed={})
    return msgspec.structs.replace(said, **changed)


def test_the_highest_common_protocol_is_chosen() -> None:
    assert choose_protocol(a_hello(protocols=(0, 1, 2))) == 1
    with pytest.raises(ProtocolUnsupported):
        choose_protocol(a_hello(protocols=()))


def test_what_is_heard_is_bounded() -> None:
    heard = hear(
        a_hello(
            backlog=-5,
            clock_ms=2**62,
            oldest_waiting_ms=-1,
            addresses=("a" * 500,) * 100,
            waiting={TERMINAL: -3, "nobody": 1},
            feed={COMPANY: 4, BRANCH: 5, an_id(3): 6},
        ),
        BRANCH,
        NOW_MS,
    )
    assert (heard.backlog, heard.oldest_waiting_ms) == (0, 0)
    assert 0 < heard.skew_ms <= 2**53
    assert len(heard.addresses) == ADDRESSES_MAX
    assert heard.waiting == {TERMINAL: 0}
    assert heard.feed == {COMPANY: 4, BRANCH: 5}


def test_notices_name_what_somebody_should_know() -> None:
    said = a_hello(clock_ms=NOW_MS - 130_000, timeline="old")
    heard = hear(said, BRANCH, NOW_MS)
    told = notices_for(said, heard, revoked=True, timeline="new")
    assert told == ("device-revoked", "clock-off", "timeline-new")
    said = a_hello(timeline="")
    assert notices_for(said, hear(said, BRANCH, NOW_MS), revoked=False, timeline="new") == ()


def test_only_heads_with_entries_are_watermarks_and_each_is_signed() -> None:
    key, head = Ed25519PrivateKey.generate(), Head(1, 7, bytes(32))
    answer = answer_hello(
        protocol=1,
        version="0.1.0",
        timeline="t",
        heads={TERMINAL: head, BRANCH: EMPTY},
        feed={COMPANY: 3},
        notices=(),
        now_ms=NOW_MS,
        key=key,
    )
    assert set(answer.here) == {TERMINAL, BRANCH}
    assert set(answer.cloud) == {TERMINAL}
    assert watermark_is_true(answer.cloud[TERMINAL], key.public_key())
    assert answer.clock_ms == NOW_MS
