"""The answer to `GET /v1/journal`: a terminal's own sealed segments, from a store that has them.

A terminal that was restored from an old copy fetches back what it lost. The bytes are those that it
sealed itself: it believes them by its own key and chain, whoever kept them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sentra.protocol.entry import EPOCH_MAX, SEQ_MAX, Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import HeadNote, note_of
from sentra.protocol.segment import SEGMENT_BYTES_MAX

PAGE_BYTES_MAX: Final = 2 * 1024 * 1024
"""Sealed bytes in one page: a slow line gets through it before its patience ends."""

PAGE_SEGMENTS_MAX: Final = 500
"""Segments in one page: live sales are sealed one by one."""

OF: Final = "of"
OF_CLOUD: Final = "cloud"
"""A terminal asks its router for what the cloud keeps: it may have no line to the cloud itself."""

TERMINAL: Final = "terminal"
"""A router asks the cloud for the journal of a terminal of its branch."""

CURSOR_BEYOND: Final = "cursor-beyond"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[HeadNote, list[bytes]])


class CursorBeyond(ProtocolError):
    """A head from the future: the store's journal ends before the cursor."""

    slug = CURSOR_BEYOND


class CursorWrong(ProtocolError):
    """A cursor that no journal can have."""

    slug = "malformed"


class PageDamaged(ProtocolError):
    """A page that no store of ours writes."""

    slug = "page-damaged"


@dataclass(frozen=True, slots=True)
class JournalPage:
    """`sealed` follow each other, the first reaches beyond the cursor; `head` is the store's."""

    head: Head
    sealed: Sequence[bytes]


def pack_journal_page(head: Head, sealed: Sequence[bytes]) -> bytes:
    """The page's bytes."""
    return _encoder.encode((note_of(head), sealed))


def unpack_journal_page(body: bytes) -> JournalPage:
    """Raises PageDamaged, also for more than a page may hold."""
    try:
        note, sealed = _decoder.decode(body)
        head = note.to_head()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise PageDamaged("the page of the journal is unreadable") from error
    if len(sealed) > PAGE_SEGMENTS_MAX or any(len(one) > SEGMENT_BYTES_MAX for one in sealed):
        raise PageDamaged("the page of the journal is larger than its limits")
    return JournalPage(head, sealed)


def read_cursor(epoch: str, after: str) -> tuple[int, int]:
    """(epoch, seq) of a request's texts. Raises CursorWrong."""
    numbers = []
    for text, least, most in ((epoch, 1, EPOCH_MAX), (after, 0, SEQ_MAX)):
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(SEQ_MAX))):
            raise CursorWrong("“epoch” and “after” are numbers")
        number = int(text)
        if not least <= number <= most:
            raise CursorWrong("“epoch” or “after” is outside its limits")
        numbers.append(number)
    return numbers[0], numbers[1]


def require_reached(cursor: tuple[int, int], head: Head) -> None:
    """Raises CursorBeyond where the journal ends before the cursor."""
    if cursor > (head.epoch, head.seq):
        raise CursorBeyond(f"the journal ends at {head.epoch}/{head.seq}, before this cursor")


def fill_page(sealed: Sequence[bytes]) -> list[bytes]:
    """The first of some segments, as many as a page takes, at least one where there is any."""
    page: list[bytes] = []
    size = 0
    for one in sealed[:PAGE_SEGMENTS_MAX]:
        size += len(one)
        if page and size > PAGE_BYTES_MAX:
            break
        page.append(one)
    return page
