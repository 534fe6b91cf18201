"""Answers to envelopes: what the sender knows is left out and comes back whole."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.protocol.answer import AnswerDamaged, pack_answer, unpack_answer
from sentra.protocol.entry import Head, head_of
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import JournalAnswer, JournalOutcome, note_of, sign_watermark
from sentra.protocol.segment import seal
from tests.unit.protocol.shapes import KEY, TERMINAL, chained, ids, some

ENTRIES = some(5)
SENT = [Parcel(seal(ENTRIES[:2], KEY)), Parcel(seal(ENTRIES[2:], KEY))]
END = head_of(ENTRIES[-1])
OTHER = "01980000-0000-7000-8000-00000000000b"

heads = st.builds(Head, st.integers(1, 9), st.integers(0, 9), st.binary(min_size=32, max_size=32))
heads = st.just(END) | heads


@st.composite
def outcomes(draw: st.DrawFn) -> JournalOutcome:
    terminal = draw(st.sampled_from((TERMINAL, OTHER)) | ids)
    here, marked = draw(heads), draw(st.none() | heads)
    return JournalOutcome(
        terminal=terminal,
        outcome=draw(st.sampled_from(("appended", "already", "gap", "fork", "refused"))),
        here=note_of(here),
        appended=draw(st.integers(0, 2_000)),
        cloud=None if marked is None else sign_watermark(KEY, "cloud", terminal, marked, 5),
        problem=draw(st.none() | st.just("segment-damaged")),
    )


answers = st.builds(
    JournalAnswer,
    outcomes=st.lists(outcomes(), max_size=4).map(tuple),
    credit_bytes=st.integers(0, 2**31),
    pause_ms=st.integers(0, 1_000),
)
foreign = Parcel(seal(chained([("x", 1, 1, "2026-11-22", b"{}")], terminal=OTHER), KEY))
envelopes = st.sampled_from(([], SENT, [*SENT, foreign], [*reversed(SENT), Parcel(b"torn")]))


@given(answers, envelopes)
def test_an_answer_comes_out_as_it_went_in(answer: JournalAnswer, sent: list[Parcel]) -> None:
    assert unpack_answer(pack_answer(answer, sent), sent) == answer


def test_the_answer_to_a_live_sale_is_hardly_more_than_a_signature() -> None:
    mark = sign_watermark(KEY, "cloud", TERMINAL, END, 1_790_000_000_000)
    taken = JournalOutcome(
        terminal=TERMINAL, outcome="appended", here=note_of(END), appended=1, cloud=mark
    )
    answer = JournalAnswer(outcomes=(taken,), credit_bytes=1024 * 1024)
    assert len(pack_answer(answer, SENT)) < 64 + 32


@given(answers, envelopes, st.data())
def test_a_torn_answer_is_none(
    answer: JournalAnswer, sent: list[Parcel], data: st.DataObject
) -> None:
    body = pack_answer(answer, sent)
    with pytest.raises(AnswerDamaged):
        unpack_answer(body[: data.draw(st.integers(0, len(body) - 1))], sent)


@given(st.binary(max_size=60), envelopes)
def test_junk_is_none_or_an_answer(junk: bytes, sent: list[Parcel]) -> None:
    try:
        unpack_answer(junk, sent)
    except AnswerDamaged:
        return


@pytest.mark.parametrize(
    "outcome",
    [
        [9, 1, None],
        [-1, 1, None],
        [0, 1, None, b"short"],
        [0, 1, None, bytes(16)],
    ],
)
def test_an_outcome_that_cannot_be_understood_is_damaged(outcome: list[object]) -> None:
    with pytest.raises(AnswerDamaged):
        unpack_answer(msgspec.msgpack.encode([1, 0, [outcome]]), SENT)


def test_a_journal_left_unnamed_among_several_is_damaged() -> None:
    with pytest.raises(AnswerDamaged, match="whose"):
        unpack_answer(msgspec.msgpack.encode([1, 0, [[0, 1, None]]]), [*SENT, foreign])


def test_what_a_later_version_adds_is_passed_over() -> None:
    body = msgspec.msgpack.encode([1, 0, [[1, 0, None, None, None, None, "new"]], "new"])
    (outcome,) = unpack_answer(body, SENT).outcomes
    assert (outcome.outcome, outcome.here) == ("already", note_of(END))
