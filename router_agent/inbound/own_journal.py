"""`GET /v1/journal`: a terminal's own segments, from here or, through here, from the cloud.

A terminal that was put back fetches back what it lost. This router may not have it: it is new, or
has dropped it for its age. The terminal may have no line to the cloud; then this router asks, by
its own right as the branch's router, and only for the very terminal that signed the request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog
from flask import Response, request

from router_agent.outbound import bases, store
from router_agent.parts import RouterParts
from sentra.link.errors import LinkFailure
from sentra.protocol.entry import Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.journal_page import (
    OF,
    OF_CLOUD,
    PAGE_SEGMENTS_MAX,
    JournalPage,
    fill_page,
    pack_journal_page,
    read_cursor,
    require_reached,
)
from sentra.protocol.segment import read_header
from sentra.web.devices import KnownDevice, plain_bytes

ASKING_S_MAX: Final = 5.0
"""How long one terminal waits for another's page: one page at a time is in memory."""

_log = structlog.get_logger(__name__)


class CloudUnasked(ProtocolError):
    """The cloud does not answer this router, or does not give the page."""

    slug = "cloud-unasked"
    retry = True
    retry_after_s = 30


class OwnJournal:
    """The view of one router."""

    def __init__(self, router: RouterParts, speaker: Callable[[], KnownDevice]) -> None:
        self._router, self._speaker = router, speaker
        self._asking = threading.Lock()

    def fetch(self) -> Response:
        """A page behind a cursor, as the terminal sent it; no one can ask for another's."""
        own = self._speaker().device_id
        place = read_cursor(request.args.get("epoch", ""), request.args.get("after", ""))
        if request.args.get(OF) == OF_CLOUD:
            return _page(self._of_cloud(own, place))
        with self._router.vault.reader() as db:
            head, base = store.head_of(db, own), bases.base_of(db, own)
            require_reached(place, head)
            behind = store.segments_behind(db, own, place, PAGE_SEGMENTS_MAX)
        if place < (base.epoch, base.seq):
            try:
                return _page(_leading_to(base, self._of_cloud(own, place), head))
            except CloudUnasked as error:
                # What is here does not chain to the cursor: the terminal looks for it elsewhere.
                _log.info("a terminal's older entries are not here", detail=error.detail)
        return _page(JournalPage(head, fill_page(behind)))

    def _of_cloud(self, terminal: str, place: tuple[int, int]) -> JournalPage:
        """The cloud's page of this terminal's journal. Raises CloudUnasked."""
        if not self._asking.acquire(timeout=ASKING_S_MAX):
            raise CloudUnasked("another terminal's journal is being fetched")
        try:
            return self._router.trunk.link.journal(Head(*place, b""), terminal=terminal)
        except (LinkFailure, ProtocolError) as error:
            raise CloudUnasked(f"the cloud did not give it: {error}") from error
        finally:
            self._asking.release()


def _leading_to(base: Head, of_cloud: JournalPage, here: Head) -> JournalPage:
    """The cloud's page up to where the journal begins here, where the next one goes on.

    Behind the base the cloud may have another line: that of a second machine with this identity.
    A segment that reaches over the base may be of that line, and is given only where none ends
    before it; what follows is asked for from there.
    """
    headers = [(read_header(one), one) for one in of_cloud.sealed]
    end = (base.epoch, base.seq)
    whole = [one for at, one in headers if (at.epoch, at.last_seq) <= end]
    return JournalPage(
        here, whole or [one for at, one in headers if (at.epoch, at.first_seq) <= end]
    )


def _page(page: JournalPage) -> Response:
    return plain_bytes(pack_journal_page(page.head, page.sealed))
