"""The servers that tills, phones and Prometheus reach: cheroot, with a patient front door.

Cheroot shakes hands in the thread that accepts, so that one machine that connects and says nothing
would keep a whole branch out until its time is over. Here the handshake is the worker's.
"""

from __future__ import annotations

import logging
import os
import ssl
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import structlog
from cheroot.makefile import MakeFile
from cheroot.server import HTTPConnection
from cheroot.ssl import Adapter
from cheroot.wsgi import Server
from flask import Flask

from sentra.failures import Failure
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX

HANDSHAKE_S_MAX: Final = 5.0
"""A till shakes hands in milliseconds; whoever needs longer holds a thread for nothing."""

SILENCE_S_MAX: Final = 15.0
"""How long a request or the reading of an answer may pause halfway."""

IDLE_S: Final = 120
"""A kept connection without requests: longer than a till's hellos are apart."""

HEADERS_BYTES_MAX: Final = 32 * 1024
BODY_BYTES_MAX: Final = ENVELOPE_BYTES_MAX + 64 * 1024
"""Refused by the server itself. What is between this and an envelope, the app refuses in words."""

STOP_S: Final = 1
"""Requests at hand get this long when the router ends."""

_PLAIN_ANSWER: Final = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
_PLAIN_TEXT: Final = (
    b"<!doctype html><title>Sentra</title><p>Tulis https:// di depan alamat ini."
    b"<p>Write https:// in front of this address."
)
_log = structlog.get_logger(__name__)


class PortTaken(Failure):
    """Another program listens there, or the address is not this machine's."""

    code = "port-taken"
    sentence = (
        "The router cannot listen on %(host)s port %(port)s: %(detail)s. Stop the other program, "
        "or choose another port with --port or --page-port."
    )


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS of the router's own certificate, both given as PEM.

    The standard library reads files only. On Linux they are in memory; elsewhere on disk for the
    moment of reading, for this account alone.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with ExitStack() as held:
        paths = [_as_file(held, text) for text in (certificate, key)]
        context.load_cert_chain(*paths)
    return context


def _as_file(held: ExitStack, text: str) -> str:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("sentra")
        held.callback(os.close, file)
        os.write(file, text.encode())
        return f"/proc/self/fd/{file}"
    folder = held.enter_context(tempfile.TemporaryDirectory())
    path = Path(folder) / "pem"
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


class _LateTls(Adapter):
    """Wraps a connection and leaves the handshake to whoever serves it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def bind(self, sock: Any) -> Any:
        """The listening socket stays as it is."""
        return sock

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """The wrapped socket, and what WSGI is told of it."""
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        """What WSGI is told of every connection."""
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        """A file over the socket."""
        return MakeFile(sock, mode, bufsize)


class _Connection(HTTPConnection):
    """Shakes hands at its first request, and never waits for long."""

    def __init__(self, server: Any, sock: Any, makefile: Any = MakeFile) -> None:
        super().__init__(server, sock, makefile)
        self._is_new = isinstance(sock, ssl.SSLSocket)
        sock.settimeout(SILENCE_S_MAX)

    def communicate(self) -> bool:
        """One request; whether the connection stays open."""
        if self._is_new and not self._shake_hands():
            return False
        return bool(super().communicate())  # type: ignore[no-untyped-call]  # cheroot's stubs

    def _shake_hands(self) -> bool:
        self._is_new = False
        try:
            self.socket.settimeout(HANDSHAKE_S_MAX)
            self.socket.do_handshake()
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self._say_https()
            return False
        except (OSError, ValueError):
            return False
        self.socket.settimeout(SILENCE_S_MAX)
        return True

    def _say_https(self) -> None:
        """A browser was given the address without https://."""
        with suppress(OSError):
            os.write(self.socket.fileno(), _PLAIN_ANSWER % (len(_PLAIN_TEXT), _PLAIN_TEXT))


class ListeningServer(Server):
    """One address with its threads. `context` makes it speak TLS."""

    ConnectionClass = _Connection
    max_request_header_size = HEADERS_BYTES_MAX
    max_request_body_size = BODY_BYTES_MAX

    def __init__(
        self, host: str, port: int, app: Flask, *, threads: int, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            (host, port),
            app,
            numthreads=threads,
            server_name="sentra",
            timeout=IDLE_S,
            shutdown_timeout=STOP_S,
        )
        if context is not None:
            self.ssl_adapter = _LateTls(context)
        self._asked = (host, port)
        self._lent = 0
        self._growing = threading.Lock()

    def open(self) -> int:
        """Begins to serve in the background; the port. Raises PortTaken."""
        try:
            self.prepare()
        except OSError as error:
            host, port = self._asked
            detail = error.__cause__ or error
            raise PortTaken(host=host, port=port, detail=detail) from error
        threading.Thread(target=self.serve, daemon=True).start()
        return int(self.bind_addr[1])

    def lend_threads(self, waiting: int) -> None:
        """Threads that only wait come on top: there are always as many that answer."""
        with self._growing:
            missing = waiting - self._lent
            if missing > 0:
                self.requests.grow(missing)
                self._lent += missing

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Where all other lines go. Below an error, or within TLS, it is a line that broke: tills
        come and go."""
        if level < logging.ERROR or isinstance(sys.exception(), ssl.SSLError):
            _log.debug("connection", detail=msg)
        else:
            _log.log(level, "server", detail=msg, exc_info=traceback)
