"""Connections that only listen, taken over from the server that accepted them.

A greenlet that waits costs some 25 KiB: its stacks, and all that the request left on them. So once
a stream is open, its connection is taken from gunicorn, the greenlet ends, and what is left is the
socket. Everything is of the hub; nothing here waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from gevent.socket import socket
from gevent.ssl import SSLSocket

_SERVERS_SOCKET: Final = "gunicorn.socket"
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Line:
    """One listening connection, in the middle of a chunked answer."""

    __slots__ = ("_socket",)

    def __init__(self, taken: Any) -> None:
        self._socket = taken
        taken.settimeout(0.0)

    def say(self, words: bytes) -> bool:
        """Write without waiting; False where the other end is gone, or reads nothing."""
        chunk = b"%X\r\n%b\r\n" % (len(words), words)
        try:
            return bool(self._socket.send(chunk) == len(chunk))
        except OSError:
            return False

    def end(self) -> None:
        """End the answer, and the connection."""
        with contextlib.suppress(OSError):
            self._socket.send(_LAST_CHUNK)
        if isinstance(self._socket, SSLSocket):
            vars(self._socket).pop("close", None)
        self._socket.close()


def take_over(environ: Mapping[str, Any]) -> Line | None:
    """The connection of this request, from now on not the server's; None under another server."""
    held = environ.get(_SERVERS_SOCKET)
    if isinstance(held, SSLSocket):
        # TLS cannot be moved to another object, so closing this one is left to `Line.end`.
        vars(held)["close"] = _leave_open
        return Line(held)
    if isinstance(held, socket):
        return Line(socket(held.family, held.type, held.proto, fileno=held.detach()))
    return None


def is_taken(held: Any) -> bool:
    """Whether the server is to leave this connection alone."""
    if isinstance(held, SSLSocket):
        return vars(held).get("close") is _leave_open
    return bool(held.fileno() < 0)


def _leave_open() -> None:
    """Closing what was taken over is not the server's."""
