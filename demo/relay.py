"""Links that can be cut: TCP relays on loopback, between a till, its router and the cloud.

A relay passes bytes as they are, so TLS stays end to end. Cutting one closes its connections and
refuses new ones, as an unplugged cable would after its time-out; mending lets them in again.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

CHUNK_BYTES = 64 * 1024
CLOSE_S_MAX = 3.0
"""What connections may take to notice that they were cut for good."""


class Relay:
    """One link. `target` is host and port, asked anew for each connection: it may move."""

    def __init__(self, name: str, target: Callable[[], tuple[str, int]]) -> None:
        self.name = name
        self.cut = False
        self.port = 0
        self.passed_bytes = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self, port: int = 0) -> None:
        """Starts to accept; `port` 0 takes any free one."""
        try:
            server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        except OSError:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            host, port = self._target()
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self._open.discard(end)
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                self.passed_bytes += len(chunk)
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort() if self.cut else writer.close()

    async def set_cut(self, cut: bool) -> None:
        """Cuts or mends."""
        self.cut = cut
        if cut:
            for writer in list(self._open):
                writer.transport.abort()

    async def close(self) -> None:
        """Cut for good."""
        await self.set_cut(True)
        if self._server is not None:
            self._server.close()


class Relays:
    """All links of a demo, served by one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self._thread.start()
        self._all: dict[str, Relay] = {}

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(timeout=10)

    async def _end(self) -> None:
        for relay in self._all.values():
            await relay.close()
        mine = asyncio.current_task()
        open_yet = [task for task in asyncio.all_tasks() if task is not mine]
        if open_yet:
            await asyncio.wait(open_yet, timeout=CLOSE_S_MAX)

    def add(self, name: str, target: Callable[[], tuple[str, int]], port: int = 0) -> Relay:
        """A new link under a name; it takes `port` where that is free."""
        relay = Relay(name, target)
        self._run(relay.listen(port))
        self._all[name] = relay
        return relay

    def set_cut(self, name: str, *, cut: bool) -> None:
        """Cuts or mends one link. Raises KeyError for a name that is none."""
        self._run(self._all[name].set_cut(cut))

    def all(self) -> list[Relay]:
        """Every link, in the order in which they were added."""
        return list(self._all.values())

    def get(self, name: str) -> Relay:
        """One link. Raises KeyError."""
        return self._all[name]

    def close(self) -> None:
        """Ends every connection, and the thread."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()
