"""Wake-ups: to whom they go, that they are bounded, and that a stream ends."""

from __future__ import annotations

import pytest

from sentra.protocol.feed import COMPANY
from syncd.service.outbound.streams import Listener, Streams, TooManyStreams

BRANCH, OTHER = "branch-a", "branch-b"


def heard(listener: Listener) -> list[tuple[str, str]]:
    return listener.wait(0)


def test_a_feed_wakes_those_who_read_the_scope() -> None:
    streams = Streams(10)
    here = streams.open((COMPANY, BRANCH), BRANCH, "t1")
    there = streams.open((COMPANY, OTHER), OTHER, "t2")
    streams.feed_moved(COMPANY)
    streams.feed_moved(BRANCH)
    assert heard(here) == [("feed", COMPANY), ("feed", BRANCH)]
    assert heard(there) == [("feed", COMPANY)]


def test_a_head_wakes_its_terminal_and_the_branchs_router() -> None:
    streams = Streams(10)
    mine = streams.open((BRANCH,), BRANCH, "t1")
    neighbour = streams.open((BRANCH,), BRANCH, "t2")
    router = streams.open((BRANCH,), BRANCH, None)
    stranger = streams.open((OTHER,), OTHER, None)
    streams.head_moved(BRANCH, "t1")
    assert heard(mine) == heard(router) == [("head", "t1")]
    assert heard(neighbour) == heard(stranger) == []


def test_what_waits_for_a_slow_listener_is_said_once() -> None:
    streams = Streams(1)
    slow = streams.open((BRANCH,), BRANCH, "t1")
    for _ in range(10_000):
        streams.head_moved(BRANCH, "t1")
    assert heard(slow) == [("head", "t1")]
    assert heard(slow) == []


def test_more_listeners_than_allowed_are_sent_away_until_one_leaves() -> None:
    streams = Streams(1)
    first = streams.open((BRANCH,), BRANCH, "t1")
    with pytest.raises(TooManyStreams) as refused:
        streams.open((BRANCH,), BRANCH, "t2")
    assert refused.value.retry
    streams.close(first)
    assert streams.open((BRANCH,), BRANCH, "t2") is not first


def test_a_stream_says_what_moved_and_ends_with_the_process() -> None:
    streams = Streams(1)
    listener = streams.open((BRANCH,), BRANCH, "t1")
    events = streams.events(listener)
    assert next(events) == b": open\n\n"
    streams.feed_moved(BRANCH)
    streams.head_moved(BRANCH, "t1")
    assert next(events) == b"event: feed\ndata: branch-a\n\nevent: head\ndata: t1\n\n"
    streams.stop()
    assert list(events) == []
