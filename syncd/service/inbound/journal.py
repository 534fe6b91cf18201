"""`POST /v1/journal`: an envelope → durable, projected, acknowledged."""

from __future__ import annotations

import time
from typing import cast

import structlog
from flask import Blueprint, Response, request
from prometheus_client import Counter, Histogram
from psycopg2 import extensions
from sqlalchemy import Connection

from sentra.cloud.identity import new_id
from sentra.cloud.wake import head_moved, wake
from sentra.protocol.answer import pack_answer
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX, unpack
from sentra.web.devices import plain_bytes
from sentra.web.permissions import public
from syncd.service.inbound.parts import LARGE_BODY_BYTES, parts, speaker
from syncd.service.operations.acknowledge import acknowledge
from syncd.service.operations.append import Ahead, Appended, append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.outbound.threads import one_ahead

ENTRIES = Counter("sentra_sync_entries_total", "Journal entries appended")
JOURNALS = Counter("sentra_sync_journals_total", "Journals of envelopes, by outcome", ("outcome",))
REFUSED = Counter("sentra_sync_segments_refused_total", "Segments refused", ("problem",))
EXCEPTIONS = Counter("sentra_sync_exceptions_total", "Exceptions opened", ("kind",))
APPEND_SECONDS = Histogram(
    "sentra_sync_append_seconds",
    "Time from an envelope's arrival to its commit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
UNREADABLE = "segment-damaged"

blueprint = Blueprint("journal", __name__)
_log = structlog.get_logger(__name__)


@blueprint.post("/v1/journal")
@public("the device's signature is checked")
def journal() -> Response:
    """Append what is new, commit, and only then answer with the cloud's signed watermarks."""
    request.max_content_length = ENVELOPE_BYTES_MAX
    began_s = time.perf_counter()
    device, here = speaker(), parts()
    body = request.get_data()
    parcels, now_ms = unpack(body), here.clock()
    carrier = Carrier(device.device_id, device.role, device.branch_id)
    ahead: Ahead = one_ahead if len(body) >= LARGE_BODY_BYTES else iter
    appended = here.ingest.run(
        lambda one: append_envelope(
            JournalStore(_plain(one), new_id, here.products), parcels, carrier, now_ms, ahead=ahead
        )
    )
    APPEND_SECONDS.observe(time.perf_counter() - began_s)
    _tell(appended, carrier)
    _wake(appended, carrier)
    answer = acknowledge(
        appended.journals, now_ms, here.keys.signing_key, waiting=here.ingest.waiting
    )
    return plain_bytes(pack_answer(answer, parcels))


def _plain(connection: Connection) -> extensions.connection:
    """psycopg2's own connection, in the same transaction."""
    return cast(extensions.connection, connection.connection.dbapi_connection)


def _tell(appended: Appended, carrier: Carrier) -> None:
    """Count everything; log once what somebody should look at."""
    for one in appended.journals:
        JOURNALS.labels(one.outcome).inc()
        ENTRIES.inc(one.appended)
        if one.problem is not None:
            REFUSED.labels(one.problem).inc()
            _log.warning(
                "journal refused",
                terminal=one.terminal_id,
                carrier=carrier.device_id,
                problem=one.problem,
            )
        if one.forks:
            _log.warning("journal forked", terminal=one.terminal_id, carrier=carrier.device_id)
    if appended.unreadable:
        REFUSED.labels(UNREADABLE).inc(appended.unreadable)
        _log.warning("segments unreadable", count=appended.unreadable, carrier=carrier.device_id)
    for kind in appended.opened:
        EXCEPTIONS.labels(kind).inc()


def _wake(appended: Appended, carrier: Carrier) -> None:
    """Tell dashboards, the router and the terminals, after the commit."""
    redis = parts().redis
    for one in appended.moved:
        if one.head is not None:
            epoch, seq = one.head.epoch, one.head.seq
            head_moved(redis, carrier.branch_id, one.terminal_id, epoch=epoch, seq=seq)
    if appended.opened:
        wake(redis, "exception", carrier.branch_id)
