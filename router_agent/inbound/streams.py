"""The tills that wait for a word: each holds one connection and one thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sentra.protocol.errors import ProtocolError

STREAMS_MAX: Final = 64
"""Tills of one branch that wait; a branch has a dozen, seldom a few dozen."""

HEARTBEAT_S: Final = 15.0
"""A comment line this often, so that both ends notice a dead line."""

WORDS_MAX: Final = 8
"""Words that wait for a slow till. All of them say "look": the ninth adds nothing."""


class StreamsFull(ProtocolError):
    """More waiting tills than the router keeps threads for; their timers serve them meanwhile."""

    slug = "too-busy"
    retry = True
    retry_after_s = 60


@dataclass(eq=False, slots=True)
class Stream:
    """One waiting till. None in the queue ends it."""

    terminal: str
    words: queue.Queue[str | None] = field(default_factory=lambda: queue.Queue(WORDS_MAX))

    def tell(self, word: str) -> None:
        """Passes a word on; a till that has enough to read needs no more."""
        with suppress(queue.Full):
            self.words.put_nowait(word)

    def end(self) -> None:
        """Ends it now, whatever it still had to say: a lost word costs latency only."""
        while True:
            try:
                self.words.put_nowait(None)
                return
            except queue.Full:
                with suppress(queue.Empty):
                    self.words.get_nowait()


class Streams:
    """All of them. `need_threads` is told how many wait, before one more does."""

    def __init__(self, need_threads: Callable[[int], None] = lambda _: None) -> None:
        self._open: set[Stream] = set()
        self._lock = threading.Lock()
        self._ended = False
        self.need_threads = need_threads

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._open)

    def open(self, terminal: str) -> Stream:
        """One more till waits. Raises StreamsFull."""
        with self._lock:
            if self._ended or len(self._open) >= STREAMS_MAX:
                raise StreamsFull("too many tills wait here")
            stream = Stream(terminal)
            self._open.add(stream)
            self.need_threads(len(self._open))
        return stream

    def close(self, stream: Stream) -> None:
        """It went away."""
        with self._lock:
            self._open.discard(stream)

    def events(self, stream: Stream) -> Iterator[str]:
        """The body of the answer; ends when the streams are stopped."""
        yield ": here\n\n"
        while True:
            try:
                word = stream.words.get(timeout=HEARTBEAT_S)
            except queue.Empty:
                yield ": still here\n\n"
                continue
            if word is None:
                return
            yield word

    def tell_feed(self, scope: str) -> None:
        """The feed moved: every till looks."""
        for stream in self._all():
            stream.tell(f"event: feed\ndata: {scope}\n\n")

    def tell_heads(self, terminals: Iterable[str]) -> None:
        """The cloud has more of these journals: each till hears of its own."""
        moved = set(terminals)
        for stream in self._all():
            if stream.terminal in moved:
                stream.tell(f"event: head\ndata: {stream.terminal}\n\n")

    def tell_branch(self, speaker: str) -> None:
        """Something that the branch shares moved: every till looks but the one that said so."""
        for stream in self._all():
            if stream.terminal != speaker:
                stream.tell("event: branch\ndata: board\n\n")

    def stop(self) -> None:
        """Ends all of them, and takes no more."""
        with self._lock:
            self._ended = True
        for stream in self._all():
            stream.end()

    def _all(self) -> list[Stream]:
        with self._lock:
            return list(self._open)
