"""A line that can be cut: a relay on loopback, closed while the internet is out."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final

_PIECE_BYTES: Final = 256 * 1024


class Gate:
    """Passes connections on to one port of loopback while it is open; it begins open."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._sockets: list[socket.socket] = []
        self._server: socket.socket | None = None
        self._port = 0
        self.open()

    @property
    def address(self) -> str:
        """Where to connect to instead."""
        return f"https://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Let connections through, at the same address as before."""
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def close(self) -> None:
        """Cut every connection and refuse new ones."""
        ended, self._sockets = self._sockets, []
        for one in (self._server, *ended):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._server = None

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection(self._target)
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(one)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
