"""A mutation of any byte of what a router holds of a journal is found and named."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router_agent.operations.journals import JournalState
from router_agent.outbound.lane import HeldFork
from router_agent.outbound.store import HeldSegment
from router_agent.verify import _read
from sentra.finding import Finding
from sentra.protocol.entry import Head
from tests.support.journals import Journal
from tests.support.mutations import mutated
from tests.unit.protocol.shapes import flipped

EXAMPLES = settings(max_examples=60, deadline=None)
ENDS = (2, 5, 6)


def held() -> tuple[Journal, list[HeldSegment]]:
    journal = Journal()
    journal.sell(ENDS[-1])
    places = zip((1, *(end + 1 for end in ENDS)), ENDS, strict=False)
    return journal, [a_segment((1, a, z), journal.sealed(a, z)) for a, z in places]


def a_segment(place: tuple[int, int, int], sealed: bytes) -> HeldSegment:
    return HeldSegment(place, sealed, hashlib.sha256(sealed).digest())


JOURNAL, HELD = held()
STATE = JournalState(JOURNAL.terminal, JOURNAL.head, JOURNAL.head, None)


def problems(segments: list[HeldSegment], state: JournalState) -> list[Finding]:
    return _read(segments, JOURNAL.key.public_key(), state, lambda _count: None).problems


def test_what_is_whole_is_proved() -> None:
    assert problems(HELD, STATE) == []


@EXAMPLES
@given(at=st.integers(0, len(HELD) - 1), dice=st.randoms())
def test_any_byte_of_a_segment(at: int, dice: random.Random) -> None:
    segments, first = list(HELD), HELD[at].place[1]
    segments[at] = replace(HELD[at], sealed=mutated(HELD[at].sealed, dice))
    found = problems(segments, STATE)
    assert (found[0].epoch, found[0].seq) == (1, first)


def test_every_bit_of_a_segment() -> None:
    for bit in range(8 * len(HELD[-1].sealed)):
        altered = replace(HELD[-1], sealed=flipped(HELD[-1].sealed, bit))
        found = problems([*HELD[:-1], altered], STATE)
        assert (found[0].epoch, found[0].seq) == (1, HELD[-1].place[1]), f"bit {bit}"


@EXAMPLES
@given(at=st.integers(0, len(HELD) - 1), field=st.integers(0, 2), dice=st.randoms())
def test_any_byte_of_a_segments_place(at: int, field: int, dice: random.Random) -> None:
    place = list(HELD[at].place)
    place[field] = mutated(place[field], dice)
    segments = list(HELD)
    segments[at] = replace(HELD[at], place=(place[0], place[1], place[2]))
    assert problems(segments, STATE)[0].seq == HELD[at].place[1]


@EXAMPLES
@given(here=st.booleans(), field=st.integers(0, 2), dice=st.randoms())
def test_any_byte_of_a_head(here: bool, field: int, dice: random.Random) -> None:
    head = (JOURNAL.head.epoch, JOURNAL.head.seq, JOURNAL.head.hash)
    values: list[Any] = list(head)
    values[field] = mutated(values[field], dice)
    altered = Head(*values)
    found = problems(HELD, replace(STATE, here=altered) if here else replace(STATE, cloud=altered))
    # What the cloud has beyond this router cannot be compared here.
    unknown = not here and not any(
        (e.epoch, e.seq) == (altered.epoch, altered.seq) for e in JOURNAL.entries
    )
    assert unknown or [one.kind for one in found] == ["head"]


@EXAMPLES
@given(at=st.integers(0, 5), dice=st.randoms())
def test_any_byte_of_a_segment_in_the_fork_lane(at: int, dice: random.Random) -> None:
    sealed = HELD[0].sealed
    values: list[Any] = [hashlib.sha256(sealed).digest(), 1, 1, 2, JOURNAL.entries[1].hash, sealed]
    key = JOURNAL.key.public_key()
    assert HeldFork(*values).is_as_it_came(key)
    values[at] = mutated(values[at], dice)
    assert not HeldFork(*values).is_as_it_came(key)
