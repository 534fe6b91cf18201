"""Enrolment codes and proofs: forgiving to people who type, to nobody else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentra.protocol.enrolment import (
    ALPHABET,
    CODE_CHARACTERS,
    EnrolAnswer,
    answer_is_proved,
    client_proof,
    code_from,
    display,
    lookup_of,
    normalise,
    proof_key,
    prove_answer,
)

codes = st.binary(min_size=12, max_size=12).map(code_from)
CODE = code_from(bytes(range(12)))
SHARED = proof_key(CODE)
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


@given(codes)
def test_a_code_shown_and_typed_again_is_the_same(code: str) -> None:
    assert len(code) == CODE_CHARACTERS
    assert set(code) <= set(ALPHABET)
    for typed in (code, display(code), display(code).lower(), " " + display(code) + " "):
        assert normalise(typed) == code


@given(codes)
def test_look_alikes_are_forgiven(code: str) -> None:
    for typed in (code.replace("0", "O"), code.replace("1", "I"), code.replace("1", "l")):
        assert normalise(typed) == code


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_code_or_a_value_error(typed: str) -> None:
    try:
        assert len(normalise(typed)) == CODE_CHARACTERS
    except ValueError:
        return


@pytest.mark.parametrize("typed", ["", "ABCD-EFGH-JKM", "ABCD-EFGH-JKMU", "é" * 12, "ABCD" * 4])
def test_what_cannot_be_a_code_is_told(typed: str) -> None:
    with pytest.raises(ValueError, match="twelve"):
        normalise(typed)


def test_the_stretched_key_depends_on_both_parts_of_the_code() -> None:
    assert proof_key("AAAA" + CODE[4:]) != SHARED
    assert proof_key(CODE[:4] + "AAAAAAAA") != SHARED
    assert lookup_of(CODE) == CODE[:4]


@settings(max_examples=20)
@given(st.sampled_from([f for f in EnrolAnswer.__struct_fields__ if f != "proof"]), st.data())
def test_an_answer_altered_in_any_field_is_not_proved(field: str, data: st.DataObject) -> None:
    proved = prove_answer(SHARED, ANSWER, "key")
    assert answer_is_proved(SHARED, proved, "key")
    old = getattr(proved, field)
    new: object = old + 1 if isinstance(old, int) else (old or "") + "x"
    assert not answer_is_proved(SHARED, msgspec.structs.replace(proved, **{field: new}), "key")


@pytest.mark.parametrize("proof", ["", "00" * 32, "é", "🍜" * 10])
def test_a_proof_that_is_none_is_not_believed(proof: str) -> None:
    answer = msgspec.structs.replace(ANSWER, proof=proof)
    assert not answer_is_proved(SHARED, answer, "key")


def test_a_proof_holds_for_one_code_and_one_key_only() -> None:
    proved = prove_answer(SHARED, ANSWER, "key")
    assert not answer_is_proved(proof_key("0" * 12), proved, "key")
    assert not answer_is_proved(SHARED, proved, "another key")


def test_one_sides_proof_is_never_the_others() -> None:
    assert client_proof(SHARED, "key") != prove_answer(SHARED, ANSWER, "key").proof
