"""`GET /v1/stream`: server-sent events that only wake."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, request

from sentra.protocol.feed import COMPANY
from sentra.web.permissions import public
from syncd.service.inbound.feed import require_own
from syncd.service.inbound.parts import parts, speaker
from syncd.service.outbound.lines import take_over

blueprint = Blueprint("stream", __name__)


@blueprint.get("/v1/stream")
@public("the device's signature is checked")
def stream() -> Response:
    """`feed` with a scope, `head` with a terminal; a comment every 15 seconds."""
    device, streams = speaker(), parts().streams
    require_own(device, COMPANY)
    own = None if device.role == "router" else device.device_id
    listener = streams.open((COMPANY, device.branch_id), device.branch_id, own)
    words = streams.events(listener, partial(take_over, request.environ))
    response = Response(words, content_type="text/event-stream")
    response.call_on_close(lambda: streams.leave(listener))
    response.headers["X-Accel-Buffering"] = "no"
    return response
