"""Wake-ups for listening devices: one subscription to Redis per process, fanned out to greenlets.

An event only says "look again", so several of one kind become one, and a lost one costs latency,
never data. What waits for a slow listener is bounded by the scopes that it may hear of.

Under gunicorn a stream's connection is taken over once it is open (`lines`), and one greenlet,
`tend`, speaks for all of them. Elsewhere each stream is a generator that waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import gevent
from gevent.event import Event
from prometheus_client import Gauge

from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import listen
from sentra.protocol.errors import ProtocolError
from syncd.service.outbound.lines import Line

HEARTBEAT_S: Final = 15.0
"""Silence after which a comment is sent: proxies cut connections that say nothing."""

LIFE_S_MAX: Final = 30 * 60.0
"""A stream ends after half an hour, so that devices spread over new pods and lose old rights."""

TURN_LINES: Final = 100
"""Lines that are spoken to before everybody else has a turn: some milliseconds."""

_TEND_S: Final = 0.5
_OPENING: Final = b": open\n\n"
_HEARTBEAT: Final = b":\n\n"

OPEN: Final = Gauge("sentra_sync_streams", "Devices that listen now")

Moved = tuple[str, str]
"""(event, data): ("feed", scope) or ("head", terminal)."""


class TooManyStreams(ProtocolError):
    """This process holds as many listeners as it may; asking by a timer works as well."""

    slug = "too-busy"
    retry = True
    retry_after_s = 30


class Listener:
    """One device's stream."""

    __slots__ = ("_awake", "_pending", "ends_s", "is_open", "line", "terminal_id", "topics")

    def __init__(self, topics: Iterable[str], terminal_id: str | None) -> None:
        self.topics = tuple(topics)
        self.terminal_id = terminal_id
        self.is_open = True
        self.line: Line | None = None
        """Its connection, where that was taken over; it ends at `ends_s` of the hub's clock."""
        self.ends_s = 0.0
        self._pending: dict[Moved, None] = {}
        self._awake = Event()

    def put(self, moved: Moved) -> None:
        """Remember that something moved, once."""
        self._pending[moved] = None
        self._awake.set()

    def wake(self) -> None:
        """Let `wait` return, perhaps with nothing."""
        self._awake.set()

    def wait(self, seconds: float) -> list[Moved]:
        """What moved since the last call, in order; waits for it at most so long."""
        self._awake.wait(seconds)
        return self.take()

    def take(self) -> list[Moved]:
        """What moved since the last call, in order."""
        self._awake.clear()
        pending, self._pending = self._pending, {}
        return list(pending)


class Streams:
    """All listeners of one process, by what they hear: `feed:<scope>`, `journal:<branch>`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._topics: dict[str, set[Listener]] = {}
        self._count = 0
        self._moved: dict[Listener, None] = {}
        self._beats: deque[tuple[float, Listener]] = deque()
        self._stirred = Event()
        self.stopping = False

    def open(self, scopes: Iterable[str], branch_id: str, terminal_id: str | None) -> Listener:
        """A listener for these feed scopes, and for the branch's journals (or one terminal's).

        Raises TooManyStreams.
        """
        if self._count >= self._most or self.stopping:
            raise TooManyStreams("no more listeners here; ask again from time to time")
        topics = [f"feed:{scope}" for scope in scopes] + [f"journal:{branch_id}"]
        listener = Listener(topics, terminal_id)
        for topic in topics:
            self._topics.setdefault(topic, set()).add(listener)
        self._count += 1
        OPEN.set(self._count)
        return listener

    def leave(self, listener: Listener) -> None:
        """The request is over: forget its listener, unless its connection was taken over."""
        if listener.line is None:
            self.close(listener)

    def close(self, listener: Listener) -> None:
        """Forget a listener, and end its connection where that was taken over."""
        if not listener.is_open:
            return
        listener.is_open = False
        self._moved.pop(listener, None)
        if listener.line is not None:
            listener.line.end()
        for topic in listener.topics:
            listeners = self._topics.get(topic, set())
            listeners.discard(listener)
            if not listeners:
                self._topics.pop(topic, None)
        self._count -= 1
        OPEN.set(self._count)

    def feed_moved(self, scope: str) -> None:
        """Wake who reads this scope."""
        for listener in self._topics.get(f"feed:{scope}", ()):
            self._put(listener, ("feed", scope))

    def head_moved(self, branch_id: str, terminal_id: str) -> None:
        """Wake the branch's router, and the terminal itself."""
        for listener in self._topics.get(f"journal:{branch_id}", ()):
            if listener.terminal_id in (None, terminal_id):
                self._put(listener, ("head", terminal_id))

    def _put(self, listener: Listener, moved: Moved) -> None:
        listener.put(moved)
        if listener.line is not None:
            self._moved[listener] = None
            self._stirred.set()

    def stop(self) -> None:
        """End every stream; devices come back to another process."""
        self.stopping = True
        self._stirred.set()
        for listeners in list(self._topics.values()):
            for listener in list(listeners):
                if listener.line is not None:
                    self.close(listener)
                else:
                    listener.wake()

    def follow(self, client: RedisClient) -> None:
        """Pass on what Redis says, for ever: the one subscription of this process."""
        for wake in listen(client, [("feed", "*"), ("journal", "*")]):
            if wake is None:
                continue
            if wake.kind == "feed":
                self.feed_moved(wake.scope)
            else:
                self.head_moved(wake.scope, str(wake.detail.get("terminal", "")))

    def events(
        self, listener: Listener, take_over: Callable[[], Line | None] = lambda: None
    ) -> Iterator[bytes]:
        """The stream's bytes, with a heartbeat, until the time is up or the process stops.

        The caller calls `leave` at its end, also where the device leaves before the first byte.
        `take_over` gives the connection once the first words are on it, and the iterator ends;
        from then on `tend` speaks.
        """
        clock = gevent.get_hub().loop.now
        listener.ends_s = clock() + LIFE_S_MAX
        yield _OPENING
        line = None if self.stopping else take_over()
        if line is not None:
            self._adopt(listener, line, clock())
            return
        while not self.stopping and clock() < listener.ends_s:
            yield _words(listener.wait(HEARTBEAT_S))

    def _adopt(self, listener: Listener, line: Line, now_s: float) -> None:
        listener.line = line
        self._beats.append((now_s + HEARTBEAT_S, listener))
        # What moved while the first words were sent.
        self._moved[listener] = None
        self._stirred.set()

    def tend(self) -> None:
        """Speak on the connections that were taken over, until the process stops."""
        while not self.stopping:
            self._stirred.wait(_TEND_S)
            self._stirred.clear()
            self.say_what_moved()
            self.beat(gevent.get_hub().loop.now())

    def say_what_moved(self) -> None:
        """Tell the listeners of something that moved."""
        moved, self._moved = self._moved, {}
        for number, listener in enumerate(moved, 1):
            words = listener.take()
            if words and listener.is_open:
                self._say(listener, _words(words))
            _give_way(number)

    def beat(self, now_s: float) -> None:
        """A heartbeat for each that is due; who is gone, or has listened long enough, is let go."""
        number = 0
        while self._beats and self._beats[0][0] <= now_s:
            _, listener = self._beats.popleft()
            if listener.is_open and now_s >= listener.ends_s:
                self.close(listener)
            elif listener.is_open and self._say(listener, _HEARTBEAT):
                self._beats.append((now_s + HEARTBEAT_S, listener))
            number += 1
            _give_way(number)

    def _say(self, listener: Listener, words: bytes) -> bool:
        if listener.line is not None and listener.line.say(words):
            return True
        self.close(listener)
        return False


def _words(moved: Iterable[Moved]) -> bytes:
    return b"".join(f"event: {e}\ndata: {d}\n\n".encode() for e, d in moved) or _HEARTBEAT


def _give_way(number: int) -> None:
    if number % TURN_LINES == 0:
        gevent.sleep(0)
