"""`POST /v1/hello`: what a device says of itself → what the cloud holds."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog
from flask import Blueprint, Response, request
from prometheus_client import Counter
from sqlalchemy import Connection

from sentra.cloud import devices, feed, proofs
from sentra.cloud.company import follow_restore, the_company
from sentra.cloud.wake import feed_moved
from sentra.protocol.entry import EMPTY
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import Hello, HelloAnswer, require_heads
from sentra.web.devices import KnownDevice
from sentra.web.permissions import public
from syncd.service.inbound.parts import (
    MESSAGE_BYTES_MAX,
    Parts,
    parts,
    read_message,
    speaker,
    write_message,
)
from syncd.service.operations import greet
from syncd.service.outbound import device_store

TIMELINES = Counter("sentra_sync_timelines_total", "New timelines after a restored database")

blueprint = Blueprint("hello", __name__)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Greeted:
    answer: HelloAnswer
    branch_revision: int | None
    restored: bool


@blueprint.post("/v1/hello")
@public("the device's signature is checked")
def hello() -> Response:
    """Write down what the device said, and answer with heads, watermarks and the feed's heads."""
    request.max_content_length = MESSAGE_BYTES_MAX
    device, here = speaker(), parts()
    said = read_message(Hello)
    require_heads(said)
    protocol, now_ms = greet.choose_protocol(said), here.clock()
    greeted = here.quick.run(lambda one: _greet(one, here, device, said, protocol, now_ms))
    if greeted.restored:
        TIMELINES.inc()
        _log.warning("the database was restored", timeline=greeted.answer.timeline)
    if greeted.branch_revision is not None:
        feed_moved(here.redis, device.branch_id, greeted.branch_revision)
    return write_message(greeted.answer)


def _greet(
    connection: Connection,
    here: Parts,
    device: KnownDevice,
    said: Hello,
    protocol: int,
    now_ms: int,
) -> _Greeted:
    """In a native thread: record, read, sign."""
    heard = greet.hear(said, device.branch_id, now_ms)
    moved = device_store.record(connection, device, heard)
    revision = None
    if moved and device.role == "router" and not device.revoked:
        # Its tills find it by the feed.
        revision = devices.publish_device(
            connection, device.device_id, now_ms=now_ms, signing_key=here.keys.signing_key
        )
    proofs.keep(connection, device.branch_id, device.device_id, said.proofs)
    own = None if device.role == "router" else device.device_id
    heads = device_store.journal_heads(connection, device.branch_id, own)
    if own is not None:
        heads.setdefault(own, EMPTY)
    restored = follow_restore(connection, now_ms)
    company = the_company(connection)
    timeline = company.timeline
    scopes = () if device.revoked else (COMPANY, device.branch_id)
    answer = greet.answer_hello(
        protocol=protocol,
        version=here.version,
        timeline=timeline,
        heads=heads,
        feed=feed.heads(connection, scopes) if scopes else {},
        notices=greet.notices_for(said, heard, revoked=device.revoked, timeline=timeline),
        now_ms=now_ms,
        key=here.keys.signing_key,
        archived=device_store.archive_heads(connection, device.branch_id, heads),
        timeline_at_ms=company.timeline_at_ms,
    )
    proved = proofs.proved(connection, device.branch_id, heads)
    return _Greeted(msgspec.structs.replace(answer, proved=proved), revision, restored)
