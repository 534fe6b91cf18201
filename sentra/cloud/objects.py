"""Files of the cloud: a bucket of S3, or a folder where there is no bucket.

A key is a path of small letters, digits and `. _ -`, `imports/018f….csv` for example. What is put
appears whole or not at all; putting the same key again replaces it, except with `put_once`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sentra.failures import Failure

KEY_LENGTH_MAX: Final = 200
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
_CONNECT_SECONDS_MAX: Final = 5
_ANSWER_SECONDS_MAX: Final = 60
_ATTEMPTS_MAX: Final = 4
DRAFT_LENGTH_MAX: Final = 80
"""Of a name that is not whole yet: the file system takes 255 bytes."""

_THERE: Final = frozenset({"412", "PreconditionFailed"})
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})


class ObjectsError(Failure):
    """The family: a file cannot be kept or fetched."""

    code = "objects"


class ObjectMissing(ObjectsError):
    """Nothing was put under this key, or it was removed."""

    code = "objects-missing"
    sentence = "The file %(key)s is not there any more. Upload it again."


class ObjectsUnavailable(ObjectsError):
    """The store refuses, is full or does not answer."""

    code = "objects-unavailable"
    sentence = (
        "The store for files at %(where)s does not answer: %(reason)s. Check it, then try again."
    )
    retry = True


class ObjectKeyMalformed(ObjectsError):
    """A key that is none. A fault of the caller."""

    code = "objects-key"
    sentence = "“%(given)s” cannot be the key of a file."


class Objects(Protocol):
    """Where files are kept."""

    def put(self, key: str, source: BinaryIO) -> None:
        """Keep all that is left of `source`. Raises ObjectsUnavailable."""

    def fetch(self, key: str, target: Path) -> None:
        """Copy to a file of this machine. Raises ObjectMissing, ObjectsUnavailable."""

    def remove(self, key: str) -> None:
        """Forget the file, if it is there. Raises ObjectsUnavailable."""

    def put_once(self, key: str, data: bytes) -> None:
        """Keep these bytes, unless there are some under this key already: those stay, whatever
        they are. Raises ObjectsUnavailable."""

    def read(self, key: str) -> bytes:
        """A whole file, for those of some megabytes. Raises ObjectMissing, ObjectsUnavailable."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with this folder, `archive/` for example, in the alphabet's order.
        Raises ObjectsUnavailable."""


def open_objects(bucket: str | None, folder: Path) -> Objects:
    """The bucket where one is named, else the folder, which is made at the first file."""
    return LocalObjects(folder) if bucket is None else S3Objects(bucket)


class LocalObjects:
    """A folder of one machine: for a demo, tests, and companies with one server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, source: BinaryIO) -> None:
        """As `Objects.put`; under another name until it is whole and on the disk."""
        target = self._path(key)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
                shutil.copyfileobj(source, to)
                to.flush()
                os.fsync(to.fileno())
            draft.replace(target)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise self._unavailable(error) from error

    def fetch(self, key: str, target: Path) -> None:
        """As `Objects.fetch`."""
        try:
            shutil.copyfile(self._path(key), target)
        except FileNotFoundError as error:
            raise ObjectMissing(key=key) from error
        except OSError as error:
            raise self._unavailable(error) from error

    def remove(self, key: str) -> None:
        """As `Objects.remove`."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise self._unavailable(error) from error

    def put_once(self, key: str, data: bytes) -> None:
        """As `Objects.put_once`; on the disk with its name before this returns."""
        target = self._path(key)
        draft = target.with_name(f".{target.name[-DRAFT_LENGTH_MAX:]}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
                to.write(data)
                to.flush()
                os.fsync(to.fileno())
            with suppress(FileExistsError):
                os.link(draft, target)
            _sync_folder(target.parent)
        except OSError as error:
            raise self._unavailable(error) from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def read(self, key: str) -> bytes:
        """As `Objects.read`."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise ObjectMissing(key=key) from error
        except OSError as error:
            raise self._unavailable(error) from error

    def keys(self, prefix: str) -> Iterator[str]:
        """As `Objects.keys`."""
        try:
            yield from sorted(
                found.relative_to(self._folder).as_posix()
                for found in self._path(prefix.rstrip("/")).rglob("*")
                if found.is_file() and not found.name.startswith(".")
            )
        except OSError as error:
            raise self._unavailable(error) from error

    def _path(self, key: str) -> Path:
        return self._folder / _checked(key)

    def _unavailable(self, error: OSError) -> ObjectsUnavailable:
        return ObjectsUnavailable(where=self._folder, reason=error.strerror or error)


class S3Objects:
    """A bucket; region, endpoint and rights come from the environment, as boto3 reads them."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._client = boto3.client(
            "s3",
            config=Config(
                connect_timeout=_CONNECT_SECONDS_MAX,
                read_timeout=_ANSWER_SECONDS_MAX,
                retries={"max_attempts": _ATTEMPTS_MAX, "mode": "standard"},
            ),
        )

    def put(self, key: str, source: BinaryIO) -> None:
        """As `Objects.put`; in parts where it is large."""
        try:
            self._client.upload_fileobj(source, self._bucket, _checked(key))
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error

    def fetch(self, key: str, target: Path) -> None:
        """As `Objects.fetch`."""
        try:
            self._client.download_file(self._bucket, _checked(key), str(target))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise ObjectMissing(key=key) from error
            raise self._unavailable(error) from error
        except BotoCoreError as error:
            raise self._unavailable(error) from error

    def remove(self, key: str) -> None:
        """As `Objects.remove`."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=_checked(key))
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error

    def put_once(self, key: str, data: bytes) -> None:
        """As `Objects.put_once`: the bucket itself refuses a second one, and checks the digest."""
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=_checked(key),
                Body=data,
                IfNoneMatch="*",
                ChecksumSHA256=digest,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _THERE:
                raise self._unavailable(error) from error
        except BotoCoreError as error:
            raise self._unavailable(error) from error

    def read(self, key: str) -> bytes:
        """As `Objects.read`."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=_checked(key))
            data: bytes = found["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise ObjectMissing(key=key) from error
            raise self._unavailable(error) from error
        except BotoCoreError as error:
            raise self._unavailable(error) from error
        return data

    def keys(self, prefix: str) -> Iterator[str]:
        """As `Objects.keys`."""
        try:
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (each["Key"] for each in page.get("Contents", ()))
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> ObjectsUnavailable:
        return ObjectsUnavailable(where=self._bucket, reason=error)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _checked(key: str) -> str:
    if len(key) > KEY_LENGTH_MAX or not _KEY.fullmatch(key):
        raise ObjectKeyMalformed(given=key[:KEY_LENGTH_MAX])
    return key
