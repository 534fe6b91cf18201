"""A feed's snapshot over HTTP, as cloud and router serve it: whole, or a range that is asked for.

A range counts only for the file that the asker has begun (`If-Range` names it by its digest); for
any other the newest file comes from its beginning, as RFC 9110 has it.
"""

from __future__ import annotations

from typing import Final

from flask import Request, Response

from sentra.protocol.errors import ProtocolError
from sentra.protocol.snapshot import HEADER, SnapshotNote, write_note

CONTENT_TYPE: Final = "application/vnd.sentra.snapshot"

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one file in one answer, where a range was asked for: memory is bounded, and so is the wait."""


class RangeWrong(ProtocolError):
    """A range outside the file, or one that is none."""

    slug = "range-wrong"


def wanted_digest(asked: Request) -> str | None:
    """The digest of the file that the asker has begun, where it says."""
    return asked.if_range.etag


def wanted_range(asked: Request, note: SnapshotNote) -> tuple[int, int] | None:
    """(start, end) of what is wanted of this file, the end not included; None: all of it.

    Raises RangeWrong.
    """
    begun = wanted_digest(asked)
    if "Range" not in asked.headers or (begun is not None and begun != note.sha256):
        return None
    found = asked.range.range_for_length(note.size) if asked.range is not None else None
    if found is None:
        raise RangeWrong(f"the file has {note.size} bytes")
    start, end = found
    return start, min(end, start + ANSWER_BYTES_MAX)


def answer_part(note: SnapshotNote, wanted: tuple[int, int] | None, body: bytes) -> Response:
    """The bytes with what the cloud says of the whole file."""
    response = Response(body, status=200 if wanted is None else 206, content_type=CONTENT_TYPE)
    response.headers[HEADER] = write_note(note)
    response.headers["ETag"] = note.etag
    response.headers["Accept-Ranges"] = "bytes"
    if wanted is not None:
        start, end = wanted
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{note.size}"
    return response
