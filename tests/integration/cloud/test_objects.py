"""The store for files: one contract, held by the folder and by S3's own protocol."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from sentra.cloud.objects import (
    LocalObjects,
    ObjectKeyMalformed,
    ObjectMissing,
    Objects,
    ObjectsUnavailable,
    S3Objects,
    open_objects,
)


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as a small file needs, in memory."""

    kept: ClassVar[dict[str, bytes]]
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.kept[self.path.partition("?")[0]] = self._body()
        self._answer(200)

    def do_GET(self) -> None:
        found = self.kept.get(self.path.partition("?")[0])
        if found is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._answer(200, found)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def do_DELETE(self) -> None:
        self.kept.pop(self.path.partition("?")[0], None)
        self._answer(204)

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


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Each kind of store in turn."""
    if request.param == "folder":
        return LocalObjects(tmp_path / "objects")
    return S3Objects(request.getfixturevalue("bucket"))


def content(objects: Objects, key: str, folder: Path) -> bytes:
    target = folder / "fetched"
    objects.fetch(key, target)
    return target.read_bytes()


def test_what_was_put_is_fetched(objects: Objects, tmp_path: Path) -> None:
    objects.put("imports/0190.csv", io.BytesIO(b"kode,nama\n"))
    assert content(objects, "imports/0190.csv", tmp_path) == b"kode,nama\n"


def test_putting_again_replaces(objects: Objects, tmp_path: Path) -> None:
    for body in (b"first and longer", b"second"):
        objects.put("a", io.BytesIO(body))
    assert content(objects, "a", tmp_path) == b"second"


def test_what_is_not_there_is_said(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match="Upload it again"):
        objects.fetch("imports/none", tmp_path / "x")


def test_removing_may_be_repeated(objects: Objects, tmp_path: Path) -> None:
    objects.put("a", io.BytesIO(b"x"))
    objects.remove("a")
    objects.remove("a")
    with pytest.raises(ObjectMissing):
        objects.fetch("a", tmp_path / "x")


@pytest.mark.parametrize("key", ["", "../etc/passwd", "/a", "a//b", "a/../b", "A", ".a", "a" * 201])
def test_a_key_leads_nowhere_else(objects: Objects, key: str, tmp_path: Path) -> None:
    with pytest.raises(ObjectKeyMalformed):
        objects.put(key, io.BytesIO(b"x"))
    with pytest.raises(ObjectKeyMalformed):
        objects.fetch(key, tmp_path / "x")


def test_a_folder_that_cannot_be_written_is_said_and_holds_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file in the way")
    with pytest.raises(ObjectsUnavailable):
        LocalObjects(tmp_path / "objects").put("a", io.BytesIO(b"x"))


def test_files_of_a_folder_are_for_this_account_only(tmp_path: Path) -> None:
    open_objects(None, tmp_path / "objects").put("a/b", io.BytesIO(b"x"))
    assert (tmp_path / "objects" / "a" / "b").stat().st_mode & 0o077 == 0
