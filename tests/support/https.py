"""A real HTTPS server on loopback whose answers a test writes, and the certificates for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from cryptography.hazmat.primitives import serialization

from sentra.cloud.certificates import create_authority, issue, new_key

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the server got it; `target` is path and query as sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    port: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` may be an iterable of pieces, each sent when it is made."""

    status: str = "200 OK"
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[Asked], Answer]


class Authority:
    """A company's certificate authority."""

    def __init__(self, name: str = "Toko Maju") -> None:
        self._key, self._certificate = create_authority(name)
        pem = self._certificate.public_bytes(serialization.Encoding.PEM)
        self.anchors = pem.decode()

    def write(self, folder: Path, hosts: tuple[str, ...]) -> tuple[Path, Path]:
        """Paths of a certificate and its key for these names."""
        folder.mkdir(parents=True, exist_ok=True)
        key = new_key()
        certificate = issue(self._key, self._certificate, key, hosts)
        paths = folder / "certificate.pem", folder / "key.pem"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths


class HttpsServer:
    """Serves while its block lasts; remembers every request."""

    def __init__(
        self, certificate: Path, key: Path, answering: Answering, *, timeout_s: int = 10
    ) -> None:
        self.answering = answering
        self.asked: list[Asked] = []
        self._server = Server(
            ("127.0.0.1", 0), self._serve, numthreads=8, timeout=timeout_s, shutdown_timeout=1
        )
        self._server.ssl_adapter = BuiltinSSLAdapter(str(certificate), str(key))
        # How long its loop sleeps at most, and so how long each test waits for its end.
        self._server.expiration_interval = 0.05

    def __enter__(self) -> Self:
        self._server.prepare()
        self.port = int(self._server.bind_addr[1])
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    def _serve(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        headers = {
            name[5:].replace("_", "-").title(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        length = int(environ.get("CONTENT_LENGTH") or 0)
        asked = Asked(
            str(environ["REQUEST_METHOD"]),
            str(environ["REQUEST_URI"]),
            headers,
            environ["wsgi.input"].read(length) if length else b"",
            int(environ["REMOTE_PORT"]),
        )
        self.asked.append(asked)
        answer = self.answering(asked)
        respond(answer.status, list(answer.headers.items()))
        return [answer.body] if isinstance(answer.body, bytes) else answer.body
