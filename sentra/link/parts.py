"""Part of a feed's snapshot, as far as it came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from sentra.protocol.snapshot import HEADER, PART_BYTES

KEPT_BYTES: Final = 2 * PART_BYTES
_READ_BYTES: Final = 64 * 1024
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,15})-\d{1,15}/(?:\d{1,15}|\*)")


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """`body` stands at `start` of the file that `note` describes: the header as it came."""

    note: str
    start: int
    body: bytes


def asked_for(begun: str | None, start: int) -> dict[str, str]:
    """The headers that ask for the next part of a file, by the digest of one that was begun."""
    headers = {"Range": f"bytes={start}-{start + PART_BYTES - 1}"}
    return headers if begun is None else {**headers, "If-Range": f'"{begun}"'}


def read_part(response: BaseHTTPResponse) -> SnapshotPart:
    """What arrives of a good answer, KEPT_BYTES or so; what came before a line broke is kept.

    Raises urllib3's HTTPError where nothing came, and ValueError for an answer that is none.
    """
    body = bytearray()
    try:
        while some := response.read1(_READ_BYTES):
            body += some
            if len(body) >= KEPT_BYTES:
                # A whole file though a part was asked for: the next request goes on from here.
                response.close()
                break
        else:
            response.release_conn()
    except HTTPError:
        response.close()
        if not body:
            raise
    return SnapshotPart(response.headers.get(HEADER, ""), _start(response), bytes(body))


def _start(response: BaseHTTPResponse) -> int:
    if response.status == 200:
        return 0
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None:
        raise ValueError("a part of a file that does not say which")
    return int(found[1])
