"""Facts and decisions as JSON: they come back whole; what is odd is set aside, never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.events import DECISIONS, FACTS, Decision, Fact
from sentra.protocol.bodies import (
    BodyUnreadable,
    UnknownKind,
    decode_decision,
    decode_fact,
    encode_decision,
    encode_fact,
)


@given(st.one_of(*(st.from_type(fact) for fact in FACTS.values())))
def test_every_fact_comes_back_as_it_was(fact: Fact) -> None:
    kind, schema, body = encode_fact(fact)
    assert decode_fact(kind, schema, body) == fact


@given(st.one_of(*(st.from_type(decision) for decision in DECISIONS.values())))
def test_every_decision_comes_back_as_it_was(decision: Decision) -> None:
    kind = next(kind for kind, shape in DECISIONS.items() if isinstance(decision, shape))
    assert decode_decision(kind, encode_decision(decision)) == decision


@given(st.sampled_from(sorted(FACTS)), st.binary(max_size=100))
def test_a_body_of_junk_is_unreadable(key: tuple[str, int], body: bytes) -> None:
    with pytest.raises(BodyUnreadable):
        decode_fact(*key, body)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"\xff"])
def test_a_body_that_is_none_is_unreadable(body: bytes) -> None:
    with pytest.raises(BodyUnreadable):
        decode_fact("sale.completed", 1, body)
    with pytest.raises(BodyUnreadable):
        decode_decision("product", body)


def test_a_kind_or_schema_of_another_version_is_unknown() -> None:
    for kind, schema in (("sale.completed", 2), ("loyalty.earned", 1), ("", 0)):
        with pytest.raises(UnknownKind):
            decode_fact(kind, schema, b"{}")
    with pytest.raises(UnknownKind):
        decode_decision("drone", b"{}")


def test_fields_of_a_newer_version_are_passed_over() -> None:
    body = b'{"id":"c","name":"C","position":1,"colour":"red"}'
    decision = decode_decision("category", body)
    assert encode_decision(decision) == b'{"id":"c","name":"C","position":1}'
