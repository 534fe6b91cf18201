"""`GET /v1/journal?epoch=&after=`: a terminal fetches its own sealed segments back."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from sentra.protocol.errors import ProtocolError
from sentra.protocol.journal_page import (
    JournalPage,
    fill_page,
    pack_journal_page,
    read_cursor,
    require_reached,
)
from sentra.web.devices import plain_bytes
from sentra.web.permissions import public
from syncd.service.inbound.parts import parts, speaker
from syncd.service.outbound import own_journal

blueprint = Blueprint("own_journal", __name__)


class NoJournal(ProtocolError):
    """A router asks: it has no journal of its own, and reads nobody else's."""

    slug = "scope-refused"


@blueprint.get("/v1/journal")
@public("the device's signature is checked, and the journal is the speaker's own")
def fetch() -> Response:
    """A page of the speaker's segments behind a cursor, byte for byte. A revoked terminal too may
    learn what it wrote: what it still has to hand over hangs on it."""
    device = speaker()
    if device.role != "terminal":
        raise NoJournal("only a terminal has a journal")
    cursor = read_cursor(request.args.get("epoch", ""), request.args.get("after", ""))

    def read(connection: Connection) -> JournalPage:
        head = own_journal.head(connection, device.branch_id, device.device_id)
        require_reached(cursor, head)
        page = own_journal.segments_behind(connection, device.branch_id, device.device_id, cursor)
        return JournalPage(head, fill_page(page))

    page = parts().quick.run(read)
    return plain_bytes(pack_journal_page(page.head, page.sealed))
