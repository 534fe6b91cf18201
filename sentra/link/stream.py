"""Server-sent events, as far as wake-ups need them: their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from urllib3 import BaseHTTPResponse

LINE_BYTES_MAX: Final = 4 * 1024
"""A wake-up is a few dozen bytes; whoever sends more is not one of ours."""


def names_of_events(response: BaseHTTPResponse) -> Iterator[str]:
    """The name of each event as it arrives; comments (heartbeats) yield nothing.

    Raises urllib3's errors when the line breaks, ValueError for a line without end.
    """
    waiting = b""
    for piece in response.stream(LINE_BYTES_MAX):
        waiting += piece
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            if line.startswith(b"event:"):
                yield line[len(b"event:") :].strip().decode("utf-8", errors="replace")
        if len(waiting) > LINE_BYTES_MAX:
            raise ValueError("an event without end")
