"""Wake-ups for listening devices: one subscription to Redis per process, fanned out to greenlets.

An event only says "look again", so several of one kind become one, and a lost one costs latency,
never data. What waits for a slow listener is bounded by the scopes that it may hear of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import gevent
from gevent.event import Event
from prometheus_client import Gauge

from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import listen
from sentra.protocol.errors import ProtocolError

HEARTBEAT_S: Final = 15.0
"""Silence after which a comment is sent: proxies cut connections that say nothing."""

LIFE_S_MAX: Final = 30 * 60.0
"""A stream ends after half an hour, so that devices spread over new pods and lose old rights."""

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

    __slots__ = ("_awake", "_pending", "terminal_id", "topics")

    def __init__(self, topics: Iterable[str], terminal_id: str | None) -> None:
        self.topics = tuple(topics)
        self.terminal_id = terminal_id
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
        self._awake.clear()
        pending, self._pending = self._pending, {}
        return list(pending)


class Streams:
    """All listeners of one process, by what they hear: `feed:<scope>`, `journal:<branch>`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._topics: dict[str, set[Listener]] = {}
        self._count = 0
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

    def close(self, listener: Listener) -> None:
        """Forget a listener."""
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
            listener.put(("feed", scope))

    def head_moved(self, branch_id: str, terminal_id: str) -> None:
        """Wake the branch's router, and the terminal itself."""
        for listener in self._topics.get(f"journal:{branch_id}", ()):
            if listener.terminal_id in (None, terminal_id):
                listener.put(("head", terminal_id))

    def stop(self) -> None:
        """End every stream; devices come back to another process."""
        self.stopping = True
        for listeners in list(self._topics.values()):
            for listener in list(listeners):
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

    def events(self, listener: Listener) -> Iterator[bytes]:
        """The stream's bytes, with a heartbeat, until the time is up or the process stops.

        The caller closes the listener, also where the device leaves before the first byte.
        """
        clock = gevent.get_hub().loop.now
        ends = clock() + LIFE_S_MAX
        yield b": open\n\n"
        while not self.stopping and clock() < ends:
            moved = listener.wait(HEARTBEAT_S)
            if moved:
                yield b"".join(f"event: {e}\ndata: {d}\n\n".encode() for e, d in moved)
            else:
                yield b":\n\n"
