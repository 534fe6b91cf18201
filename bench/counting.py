"""A relay on loopback that counts what goes over the wire, both ways."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass

_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Carried:
    """Bytes that went to the store, and back: TLS, HTTP and all, without TCP's own headers."""

    up: int
    down: int

    def __sub__(self, before: Carried) -> Carried:
        return Carried(self.up - before.up, self.down - before.down)

    @property
    def total(self) -> int:
        """Both ways."""
        return self.up + self.down


class CountingRelay:
    """Passes connections on to one port of loopback."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._up = self._down = 0
        self._guard = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """Where to connect to instead."""
        host, port = self._server.getsockname()
        return f"https://{host}:{port}"

    def carried(self) -> Carried:
        """So far."""
        with self._guard:
            return Carried(self._up, self._down)

    def close(self) -> None:
        """End it, and every connection."""
        for one in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._target)
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(one)
                for arguments in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                with self._guard:
                    if up:
                        self._up += len(piece)
                    else:
                        self._down += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
