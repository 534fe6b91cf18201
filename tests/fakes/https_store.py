"""The store in memory behind a real HTTPS server, with signatures checked and a stream to wake."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from sentra.link.errors import LinkRefused
from sentra.protocol import envelope, signing
from sentra.protocol.answer import pack_answer
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import pack_page
from sentra.protocol.messages import Hello, Problem, problem_type
from sentra.protocol.snapshot import write_note
from tests.fakes.memory_store import MemoryStore
from tests.support.https import Answer, Asked, Authority, HttpsServer

Clock = Callable[[], int]


class HttpsStore:
    """Serves a MemoryStore while its block lasts. `wake` sends an event to whoever listens."""

    def __init__(
        self, store: MemoryStore, authority: Authority, folder: Path, host: str, clock: Clock
    ) -> None:
        self.store, self._clock = store, clock
        self._streams: list[queue.SimpleQueue[str | None]] = []
        self._nonces: set[str] = set()
        self.server = HttpsServer(*authority.write(folder, (host,)), self._answer)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stream in self._streams:
            stream.put(None)
        self.server.__exit__(kind, error, trace)

    @property
    def address(self) -> str:
        """host:port."""
        return self.server.address

    @property
    def listeners(self) -> int:
        """Streams that were opened so far."""
        return len(self._streams)

    def wake(self, event: str) -> None:
        """Something moved here."""
        for stream in self._streams:
            stream.put(event)

    def _answer(self, asked: Asked) -> Answer:
        try:
            self._verify(asked)
            self.store.clock_ms = self._clock()
            return self._route(asked)
        except ProtocolError as error:
            return _problem(error.slug, self._clock())
        except LinkRefused as refusal:
            return _problem(refusal.slug, self._clock())

    def _verify(self, asked: Asked) -> None:
        signature = signing.parse(asked.headers.get(signing.HEADER.title()))
        key = self.store.keys[signature.device]
        target, body = asked.target, asked.body
        signing.verify(signature, key, asked.method, target, body, self._clock())
        assert signature.nonce not in self._nonces
        self._nonces.add(signature.nonce)

    def _route(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.target)
        if parts.path == "/v1/hello":
            hello = msgspec.json.decode(asked.body, type=Hello)
            return Answer(body=msgspec.json.encode(self.store.hello(hello)))
        if parts.path == "/v1/journal":
            parcels = envelope.unpack(asked.body)
            return Answer(body=pack_answer(self.store.send(parcels), parcels))
        if parts.path == "/v1/feed":
            query = parse_qs(parts.query)
            return Answer(
                body=pack_page(*self.store.feed(query["scope"][0], int(query["after"][0])))
            )
        if parts.path == "/v1/feed/snapshot":
            return self._snapshot(parse_qs(parts.query)["scope"][0], asked.headers["Range"])
        assert parts.path == "/v1/stream"
        return Answer(body=self._stream(), headers={"Content-Type": "text/event-stream"})

    def _snapshot(self, scope: str, wanted: str) -> Answer:
        made = self.store.snapshots[scope]
        start, end = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
        body = made.packed[start : end + 1]
        place = f"bytes {start}-{start + len(body) - 1}/{len(made.packed)}"
        headers = {"Sentra-Snapshot": write_note(made.note), "Content-Range": place}
        return Answer("206 Partial Content", body, headers)

    def _stream(self) -> Iterator[bytes]:
        mine: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._streams.append(mine)
        yield b": here\n\n"
        while (event := mine.get()) is not None:
            yield f"event: {event}\ndata: x\n\n".encode()


def _problem(slug: str, now_ms: int) -> Answer:
    made = Problem(type=problem_type(slug), title=slug, status=401, server_time_ms=now_ms)
    return Answer("401 Unauthorized", msgspec.json.encode(made))
