"""`GET /v1/feed/snapshot?scope=`: the whole state of a scope, resumable by range."""

from __future__ import annotations

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from sentra.cloud import snapshots
from sentra.protocol.snapshot import SnapshotAbsent, SnapshotNote
from sentra.web.permissions import public
from sentra.web.snapshots import answer_part, wanted_digest, wanted_range
from syncd.service.inbound.feed import require_own
from syncd.service.inbound.parts import Parts, parts, speaker

blueprint = Blueprint("snapshot", __name__)


@blueprint.get("/v1/feed/snapshot")
@public("the device's signature is checked")
def snapshot() -> Response:
    """The file that the asker has begun, while it is kept; else the newest, made where none is."""
    device, here = speaker(), parts()
    scope, begun = request.args.get("scope", ""), wanted_digest(request)
    require_own(device, scope)
    note = here.quick.run(lambda one: _note(one, here, scope, begun))
    wanted = wanted_range(request, note)
    start, end = (0, note.size) if wanted is None else wanted
    body = here.quick.run(lambda one: snapshots.read_part(one, note, start, end - start))
    if len(body) != end - start:
        raise SnapshotAbsent(f"the snapshot of {scope} was replaced meanwhile")
    return answer_part(note, wanted, body)


def _note(connection: Connection, here: Parts, scope: str, begun: str | None) -> SnapshotNote:
    """In a native thread."""
    note = None if begun is None else snapshots.find(connection, scope, begun)
    note = note or snapshots.newest(connection, scope)
    if note is None:
        note = snapshots.make(
            connection, scope, now_ms=here.clock(), signing_key=here.keys.signing_key
        )
    if note is None:
        raise SnapshotAbsent(f"there is no snapshot of {scope} yet")
    return note
