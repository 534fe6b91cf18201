"""As much of S3 as the object store uses, on loopback; its answers were compared with moto's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as a small file needs, in memory."""

    kept: ClassVar[dict[str, bytes]]
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        name, body = self.path.partition("?")[0], self._body()
        if self.headers.get("If-None-Match") == "*" and name in self.kept:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        self.kept[name] = body
        self._answer(200)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if "list-type" in address.query:
            self._answer(200, self._listed(address.path, parse_qs(address.query)))
            return
        found = self.kept.get(address.path)
        if found is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._answer(200, found)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def do_DELETE(self) -> None:
        self.kept.pop(self.path.partition("?")[0], None)
        self._answer(204)

    def _listed(self, bucket: str, query: dict[str, list[str]]) -> bytes:
        """Two keys a page, so that more than one page is asked for."""
        prefix, after = query["prefix"][0], query.get("continuation-token", [""])[0]
        root = f"{bucket.rstrip('/')}/"
        keys = sorted(name.removeprefix(root) for name in self.kept if name.startswith(root))
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        rows = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys[:2])
        more = len(keys) > 2
        token = f"<NextContinuationToken>{keys[1]}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}"
            "</ListBucketResult>"
        ).encode()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "") + self.headers.get(
            "Content-Encoding", ""
        ):
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"etag"')
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of the test's own on loopback; its name."""
    handler = type("Handler", (Bucket,), {"kept": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-3")
    yield "sentra-files"
    server.shutdown()
    server.server_close()
    thread.join()
