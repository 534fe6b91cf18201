"""Wake-ups: to whom they go, that they are bounded, and that a stream ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gevent.socket import socket, socketpair

from sentra.protocol.feed import COMPANY
from syncd.service.outbound.lines import is_taken, take_over
from syncd.service.outbound.streams import (
    HEARTBEAT_S,
    LIFE_S_MAX,
    Listener,
    Streams,
    TooManyStreams,
)

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


@pytest.fixture
def ends() -> Iterator[tuple[socket, socket]]:
    """The server's end of a connection, and the device's."""
    ours, theirs = socketpair()
    theirs.settimeout(5.0)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def streams() -> Iterator[Streams]:
    """Room for one, and ended with the test."""
    made = Streams(1)
    yield made
    made.stop()


def taken_over(streams: Streams, ours: socket) -> Listener:
    """A listener whose connection was taken from the server once it was open."""
    listener = streams.open((BRANCH,), BRANCH, "t1")
    words = list(streams.events(listener, lambda: take_over({"gunicorn.socket": ours})))
    streams.leave(listener)
    assert words == [b": open\n\n"]
    return listener


def test_a_connection_that_was_taken_over_is_left_alone_by_the_server(
    streams: Streams, ends: tuple[socket, socket]
) -> None:
    ours, theirs = ends
    assert not is_taken(ours)
    taken_over(streams, ours)
    assert is_taken(ours)
    ours.close()
    streams.head_moved(BRANCH, "t1")
    streams.say_what_moved()
    assert theirs.recv(200) == b"16\r\nevent: head\ndata: t1\n\n\r\n"


def test_many_wakes_of_one_kind_are_said_once_on_it(
    streams: Streams, ends: tuple[socket, socket]
) -> None:
    ours, theirs = ends
    taken_over(streams, ours)
    for _ in range(1_000):
        streams.feed_moved(BRANCH)
    streams.say_what_moved()
    streams.say_what_moved()
    assert theirs.recv(200) == b"1C\r\nevent: feed\ndata: branch-a\n\n\r\n"


def test_it_hears_a_heartbeat_when_one_is_due_and_ends_when_its_time_is_up(
    streams: Streams, ends: tuple[socket, socket]
) -> None:
    ours, theirs = ends
    listener = taken_over(streams, ours)
    start_s = listener.ends_s - LIFE_S_MAX
    streams.beat(start_s + HEARTBEAT_S - 1)
    streams.beat(start_s + HEARTBEAT_S + 1)
    assert theirs.recv(200) == b"3\r\n:\n\n\r\n"
    streams.beat(start_s + LIFE_S_MAX + 1)
    assert theirs.recv(200) == b"0\r\n\r\n"
    assert theirs.recv(200) == b""
    streams.open((BRANCH,), BRANCH, "t2")


def test_who_is_gone_makes_room_for_another(streams: Streams, ends: tuple[socket, socket]) -> None:
    ours, theirs = ends
    listener = taken_over(streams, ours)
    theirs.close()
    streams.beat(listener.ends_s - 1)
    streams.open((BRANCH,), BRANCH, "t2")


def test_who_reads_nothing_is_let_go_and_holds_up_nobody(
    streams: Streams, ends: tuple[socket, socket]
) -> None:
    ours, _ = ends
    listener = taken_over(streams, ours)
    for _ in range(100_000):
        streams.feed_moved(BRANCH)
        streams.say_what_moved()
        if not listener.is_open:
            break
    streams.open((BRANCH,), BRANCH, "t2")


def test_it_ends_with_the_process(streams: Streams, ends: tuple[socket, socket]) -> None:
    ours, theirs = ends
    taken_over(streams, ours)
    streams.stop()
    assert theirs.recv(200) == b"0\r\n\r\n"
    assert theirs.recv(200) == b""
    streams.tend()


def test_a_listener_is_counted_out_once(streams: Streams, ends: tuple[socket, socket]) -> None:
    listener = taken_over(streams, ends[0])
    for _ in range(3):
        streams.close(listener)
        streams.leave(listener)
    streams.open((BRANCH,), BRANCH, "t1")
    with pytest.raises(TooManyStreams):
        streams.open((BRANCH,), BRANCH, "t2")
