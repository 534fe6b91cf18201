"""A till counts when there is something to prove, and says it until the cloud has compared it."""

from __future__ import annotations

from collections.abc import Mapping

from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.messages import HeadNote, HelloAnswer, ProofNote, note_of
from syncd.daemon.operations.proving import AGAIN_EVERY_MS, LOOK_EVERY_MS, Prover
from tests.support.journals import START_MS, an_id

TILL = an_id(1)
LATER = Head(1, 9, bytes(32))


class Journal:
    """What there is to count, and how often it was."""

    def __init__(self) -> None:
        self.is_due = False
        self.counted: list[Head] = []

    def count(self, base: Head, now_ms: int) -> ProofNote | None:
        self.counted.append(base)
        if not self.is_due:
            return None
        return ProofNote(
            terminal=TILL,
            by=TILL,
            base=note_of(base),
            head=note_of(LATER),
            entries=9,
            tenders={},
            at_ms=now_ms,
        )


def answer(proved: Mapping[str, HeadNote]) -> HelloAnswer:
    return HelloAnswer(
        protocol=1,
        software="1",
        clock_ms=0,
        timeline="",
        here={},
        cloud={},
        feed={},
        segment_bytes_max=1,
        envelope_bytes_max=1,
        proved=dict(proved),
    )


def test_a_store_that_does_not_prove_is_told_nothing() -> None:
    journal = Journal()
    journal.is_due = True
    prover = Prover(TILL, journal.count)
    prover.note_answer(answer({}))
    assert prover.notes(START_MS, 0) == ()
    assert journal.counted == []


def test_it_looks_now_and_then_and_what_it_has_counted_it_says_until_it_is_proved() -> None:
    journal = Journal()
    prover = Prover(TILL, journal.count)
    prover.note_answer(answer({TILL: note_of(EMPTY)}))
    assert prover.notes(START_MS, 0) == prover.notes(START_MS, LOOK_EVERY_MS - 1) == ()
    assert len(journal.counted) == 1
    journal.is_due = True
    (said,) = prover.notes(START_MS, LOOK_EVERY_MS)
    assert prover.notes(START_MS + 1, LOOK_EVERY_MS + AGAIN_EVERY_MS - 1) == (said,)
    assert len(journal.counted) == 2
    prover.notes(START_MS, LOOK_EVERY_MS + AGAIN_EVERY_MS)
    assert len(journal.counted) == 3, "what nobody compares is counted anew"
    prover.note_answer(answer({TILL: note_of(LATER)}))
    journal.is_due = False
    assert prover.notes(START_MS, 9 * AGAIN_EVERY_MS) == ()
    assert journal.counted[-1] == LATER
