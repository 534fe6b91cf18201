"""`GET /v1/journal?epoch=&after=`: a terminal fetches its own sealed segments back.

Where it reaches its router alone, the router asks for it: `&terminal=` names a terminal of the
router's own branch, whose journals a router carries anyhow. Nobody reads another branch's.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from sentra.protocol.errors import ProtocolError
from sentra.protocol.journal_page import (
    TERMINAL,
    JournalPage,
    fill_page,
    pack_journal_page,
    read_cursor,
    require_reached,
)
from sentra.web.devices import DeviceRevoked, KnownDevice, plain_bytes
from sentra.web.permissions import public
from syncd.service.inbound.parts import parts, speaker
from syncd.service.outbound import own_journal

blueprint = Blueprint("own_journal", __name__)


class NoJournal(ProtocolError):
    """A terminal asks for another's journal, or a router for one that is not of its branch."""

    slug = "scope-refused"


@blueprint.get("/v1/journal")
@public("the device's signature is checked, and whose journal it may read")
def fetch() -> Response:
    """A page of a terminal's segments behind a cursor, byte for byte. A revoked terminal too may
    learn what it wrote: what it still has to hand over hangs on it."""
    device = speaker()
    owner = _owner(device, request.args.get(TERMINAL))
    cursor = read_cursor(request.args.get("epoch", ""), request.args.get("after", ""))

    def read(connection: Connection) -> JournalPage:
        head = own_journal.head(connection, device.branch_id, owner)
        require_reached(cursor, head)
        page = own_journal.segments_behind(connection, device.branch_id, owner, cursor)
        return JournalPage(head, fill_page(page))

    page = parts().quick.run(read)
    return plain_bytes(pack_journal_page(page.head, page.sealed))


def _owner(device: KnownDevice, wanted: str | None) -> str:
    """The terminal whose journal the speaker may read. Raises NoJournal, DeviceRevoked."""
    if device.role == "terminal":
        if wanted not in (None, device.device_id):
            raise NoJournal("a terminal reads its own journal alone")
        return device.device_id
    if wanted is None:
        raise NoJournal("a router has no journal of its own")
    if device.revoked:
        raise DeviceRevoked("this router was revoked")
    owner = parts().devices.find(wanted)
    if owner is None or (owner.role, owner.branch_id) != ("terminal", device.branch_id):
        raise NoJournal("a router asks for the terminals of its own branch alone")
    return owner.device_id
