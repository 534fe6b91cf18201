"""Files of the cloud: a bucket of S3, or a folder where there is no bucket.

A key is a path of small letters, digits and `. _ -`, `imports/018f….csv` for example. What is put
appears whole or not at all; putting the same key again replaces it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
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

    def _unavailable(self, error: Exception) -> ObjectsUnavailable:
        return ObjectsUnavailable(where=self._bucket, reason=error)


def _checked(key: str) -> str:
    if len(key) > KEY_LENGTH_MAX or not _KEY.fullmatch(key):
        raise ObjectKeyMalformed(given=key[:KEY_LENGTH_MAX])
    return key
