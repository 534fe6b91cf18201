"""`GET /v1/feed?scope=&after=`: sealed revisions after a cursor, in order."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from sentra.cloud import snapshots
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import COMPANY, pack_page
from sentra.protocol.snapshot import TAKES_SNAPSHOTS
from sentra.web.devices import DeviceRevoked, KnownDevice
from sentra.web.permissions import public
from syncd.service.inbound.parts import Malformed, parts, speaker

PAGE_BYTES_MAX: Final = 2 * 1024 * 1024
"""Revisions in one answer: a slow line gets through it before its patience ends."""

_REVISION_DIGITS_MAX: Final = 18

blueprint = Blueprint("feed", __name__)


class ScopeRefused(ProtocolError):
    """A scope that is not the company's or the device's own branch."""

    slug = "scope-refused"


@blueprint.get("/v1/feed")
@public("the device's signature is checked")
def feed() -> Response:
    """A page of the scope's revisions, packed; the scope's head is in it.

    Raises SnapshotNeeded, CursorBeyond.
    """
    device = speaker()
    scope, after = request.args.get("scope", ""), request.args.get("after", "0")
    require_own(device, scope)
    if not (after.isascii() and after.isdigit() and len(after) <= _REVISION_DIGITS_MAX):
        raise Malformed("“after” is a revision number")
    takes = TAKES_SNAPSHOTS in request.args
    page = parts().quick.run(
        lambda connection: snapshots.page_after(
            connection, scope, int(after), PAGE_BYTES_MAX, takes_snapshots=takes
        )
    )
    return Response(
        pack_page(page.head, page.revisions), content_type="application/vnd.sentra.feed"
    )


def require_own(device: KnownDevice, scope: str) -> None:
    """Raise unless the device may read the scope: DeviceRevoked, ScopeRefused."""
    if device.revoked:
        raise DeviceRevoked("this device was revoked; its facts are still taken")
    if scope not in (COMPANY, device.branch_id):
        raise ScopeRefused("a device reads the company's scope and its own branch's")
