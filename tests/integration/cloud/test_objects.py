"""The store for files: one contract, held by the folder and by S3's own protocol."""

from __future__ import annotations

import io
from pathlib import Path

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
from tests.support.bucket import bucket

__all__ = ["bucket"]


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


def test_what_is_put_once_stays_as_it_is(objects: Objects) -> None:
    objects.put_once("archive/a", b"first")
    objects.put_once("archive/a", b"second and longer")
    assert objects.read("archive/a") == b"first"
    with pytest.raises(ObjectMissing):
        objects.read("archive/none")


def test_what_is_in_a_folder_is_listed_in_order(objects: Objects) -> None:
    assert list(objects.keys("archive/")) == []
    names = ["archive/c/2", "archive/a/1", "archive/b", "archive/c/1"]
    for name in (*names, "imports/x"):
        objects.put_once(name, b"x")
    assert list(objects.keys("archive/")) == sorted(names)
    assert list(objects.keys("archive/c/")) == ["archive/c/1", "archive/c/2"]
