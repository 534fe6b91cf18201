"""Requests and answers as bytes, and the pool of connections through which a `Link` sends them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Final, cast
from urllib.parse import unquote

from flask import Flask
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import ProtocolError
from werkzeug.test import run_wsgi_app

_OWN_KEYS: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")
"""Headers that are no `HTTP_` in WSGI."""


@dataclass(frozen=True, slots=True)
class Request:
    """One signed request on its way. `source` is the sending machine's name, `server_name` the
    name that the certificate there must have (None: the host's own)."""

    source: str
    address: str
    server_name: str | None
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def with_body(self, body: bytes) -> Request:
        """The same with another body."""
        return replace(self, body=body)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, or something in between in its place. `broken`: the line broke, and
    `body` is what had come until then."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: bool = False


class AnswerRead:
    """An answer as the client reads it: what `Link` uses of urllib3's response."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = dict(answer.headers)
        self.reason = "simulated"
        self._rest, self._broken = answer.body, answer.broken

    def read(self, size: int) -> bytes:
        """The next bytes. Raises ProtocolError where the line broke before all had come."""
        if self._broken:
            raise ProtocolError("the connection broke")
        return self._next(size)

    def read1(self, size: int) -> bytes:
        """What has come, up to a size. Raises ProtocolError behind it where the line broke."""
        if self._broken and not self._rest:
            raise ProtocolError("the connection broke")
        return self._next(size)

    def _next(self, size: int) -> bytes:
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def release_conn(self) -> None:
        """The connection may be used again."""

    def close(self) -> None:
        """The connection is given up."""


class WirePool:
    """What `Link` uses of urllib3's pool, over the simulated network."""

    def __init__(
        self,
        send: Callable[[Request], Answer],
        source: str,
        address: str,
        server_name: str | None,
    ) -> None:
        self._send = send
        self._source, self._address, self._server_name = source, address, server_name

    def urlopen(
        self, method: str, target: str, *, body: bytes | None, headers: Mapping[str, str], **_: Any
    ) -> AnswerRead:
        """One request. Raises urllib3's errors, as a real line does."""
        request = Request(
            self._source,
            self._address,
            self._server_name,
            method,
            target,
            headers,
            body or b"",
        )
        return AnswerRead(self._send(request))

    def close(self) -> None:
        """Nothing is kept open."""


def as_pool(pool: WirePool) -> HTTPSConnectionPool:
    """For `Link`, which knows it by its use."""
    return cast(HTTPSConnectionPool, pool)


def ask(app: Flask, request: Request) -> Answer:
    """The app's own answer, in this thread."""
    body, status, headers = run_wsgi_app(app, _environ(request), buffered=True)
    return Answer(int(status.partition(" ")[0]), dict(headers), b"".join(body))


def _environ(request: Request) -> dict[str, Any]:
    """The request as WSGI has it. Werkzeug's own builder does far more, and takes as long as some
    answers do."""
    path, _, query = request.target.partition("?")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in _OWN_KEYS else f"HTTP_{key}"] = value
    return environ
