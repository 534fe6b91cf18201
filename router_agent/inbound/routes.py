"""The router's end of the protocol: for the terminals of its own branch only."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog
from flask import Blueprint, Flask, Response, request

from router_agent import metrics
from router_agent.inbound.beginning import begin_journal
from router_agent.inbound.branch import BranchDesk
from router_agent.inbound.own_journal import OwnJournal
from router_agent.operations.answer import answer_hello, answer_journal, notices_for
from router_agent.operations.take import Taking, refuse, take_parcels
from router_agent.outbound import decisions, lane, store
from router_agent.parts import RouterParts
from sentra.protocol.answer import pack_answer
from sentra.protocol.envelope import Parcel, unpack
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import COMPANY, pack_page
from sentra.protocol.messages import Hello, Watermark, require_heads
from sentra.protocol.snapshot import TAKES_SNAPSHOTS, SnapshotAbsent
from sentra.vault import snapshots
from sentra.web.devices import (
    DeviceRevoked,
    DeviceUnknown,
    KnownDevice,
    MemoryNonces,
    plain_bytes,
    verify_device,
)
from sentra.web.factory import csrf_of
from sentra.web.permissions import public
from sentra.web.snapshots import answer_part, wanted_range

FEED_PAGE_BYTES: Final = 1024 * 1024
"""One page of the feed: a till applies it within a second."""

HELLO_BYTES_MAX: Final = 64 * 1024
"""A till's hello is under a kilobyte."""

_REVISION_DIGITS_MAX: Final = 18
_SIGNED: Final = "the request is signed by the device; the view verifies it before anything else"
_ODD: Final = ("refused", "fork", "gap")
_log = structlog.get_logger(__name__)


class ScopeRefused(ProtocolError):
    """A feed that is not this branch's."""

    slug = "scope-refused"


class Malformed(ProtocolError):
    """A body or a parameter that no program of ours sends."""

    slug = "malformed"


class Inbound:
    """The views of one router, over its parts."""

    def __init__(self, router: RouterParts) -> None:
        self._router = router
        self._nonces = MemoryNonces(router.clock)

    def register(self, app: Flask) -> None:
        """Adds the protocol's routes."""
        routes = Blueprint("protocol", __name__, url_prefix="/v1")
        for method, rule, view in (
            ("POST", "/hello", self.hello),
            ("POST", "/journal", self.journal),
            ("GET", "/journal", OwnJournal(self._router, self._speaker).fetch),
            ("GET", "/feed", self.feed),
            ("GET", "/feed/snapshot", self.snapshot),
            ("GET", "/stream", self.stream),
            *BranchDesk(self._router, self._speaker).rules(),
        ):
            guarded = public(_SIGNED)(_function(view))
            routes.add_url_rule(rule, view_func=guarded, methods=[method])
        csrf_of(app).exempt(routes)
        app.register_blueprint(routes)

    def _speaker(self) -> KnownDevice:
        """The terminal that signed this request. Raises as `verify_device` does."""
        known = self._router.devices
        try:
            device = verify_device(request, known.find_terminal, self._nonces, self._router.clock())
        except DeviceUnknown:
            # Perhaps it was enrolled a moment ago, and this router has not heard of it yet.
            self._router.trunk.fetch_feed_soon()
            raise
        self._router.roll_call.note_alive(device.device_id, self._router.clock())
        return device

    def hello(self) -> Response:
        """Compares heads; remembers that the till lives."""
        request.max_content_length = HELLO_BYTES_MAX
        device = self._speaker()
        hello, now_ms = _read_hello(), self._router.clock()
        begin_journal(self._router, device.device_id, hello)
        if self._router.roll_call.note_hello(device.device_id, hello, now_ms):
            self._router.trunk.greet_soon()
        with self._router.vault.reader() as db:
            state = store.journal(db, device.device_id)
            since = store.since(db)
            scopes = () if device.revoked else (COMPANY, device.branch_id)
            feed = {scope: decisions.feed_cursor(db, scope) for scope in scopes}
        timeline = self._router.shelf.timeline()
        notices = notices_for(hello, now_ms, revoked=device.revoked, timeline=timeline)
        answer = answer_hello(
            hello,
            device.device_id,
            state,
            feed,
            timeline,
            now_ms,
            self._router.version,
            notices,
            since,
        )
        proved = self._router.roll_call.proofs.proved(device.device_id)
        return _json(msgspec.structs.replace(answer, proved=proved))

    def journal(self) -> Response:
        """Takes an envelope: what is new is on disk before the answer leaves."""
        device = self._speaker()
        parcels, now_ms = unpack(request.get_data()), self._router.clock()
        # Some disk stays free for sending on what is here; the till goes to the cloud meanwhile.
        self._router.vault.require_room()
        takings, marks = self._take(device, parcels, now_ms)
        for taking in takings:
            metrics.TAKEN.labels(self._router.name).inc(taking.entry_count)
            if taking.outcome in _ODD:
                self._note_odd(taking)
        self._router.trunk.wake()
        return plain_bytes(pack_answer(answer_journal(takings, marks), parcels))

    def _take(
        self, device: KnownDevice, parcels: Sequence[Parcel], now_ms: int
    ) -> tuple[list[Taking], dict[str, Watermark]]:
        """One write transaction: heads are read, compared and moved under its lock."""
        own = device.device_id
        with self._router.vault.writer() as db:
            takings, unreadable = take_parcels(
                parcels,
                lambda terminal: device.public_key if terminal == own else None,
                functools.partial(store.head_of, db),
                functools.partial(store.hash_at, db),
                functools.partial(store.first_of, db),
                functools.partial(lane.tails, db),
            )
            if unreadable and not any(taking.terminal == own for taking in takings):
                takings.append(refuse(own, store.head_of(db, own), "segment-damaged"))
            store.keep(db, takings, now_ms)
            state = store.journal(db, own)
        return takings, {own: state.watermark} if state and state.watermark else {}

    def _note_odd(self, taking: Taking) -> None:
        problem = taking.problem or "none"
        metrics.ODD.labels(self._router.name, taking.outcome, problem).inc()
        _log.warning(
            "journal not appended",
            terminal=taking.terminal,
            outcome=taking.outcome,
            problem=taking.problem,
        )

    def feed(self) -> Response:
        """Revisions as the cloud sealed them, from the cache. Raises SnapshotNeeded."""
        device = self._speaker()
        scope, after = request.args.get("scope", ""), request.args.get("after", "0")
        _require_own(device, scope)
        if not (after.isascii() and after.isdigit() and len(after) <= _REVISION_DIGITS_MAX):
            raise Malformed("“after” is a revision number")
        with self._router.vault.reader() as db:
            takes = TAKES_SNAPSHOTS in request.args
            head, page = decisions.page_after(
                db, scope, int(after), FEED_PAGE_BYTES, takes_snapshots=takes
            )
        return Response(pack_page(head, page), content_type="application/vnd.sentra.feed")

    def snapshot(self) -> Response:
        """The scope's whole state as the cloud signed it, from the cache, resumable by range."""
        device, scope = self._speaker(), request.args.get("scope", "")
        _require_own(device, scope)
        with self._router.vault.reader() as db:
            kept = snapshots.kept(db, scope)
            if kept is None:
                self._router.trunk.fetch_snapshot_soon(scope)
                raise SnapshotAbsent(f"there is no snapshot of {scope} here")
            wanted = wanted_range(request, kept.note)
            start, end = wanted or (0, kept.note.size)
            body = snapshots.read_range(db, kept.note, start, end)
        return answer_part(kept.note, wanted, body)

    def stream(self) -> Response:
        """Wake-ups for one till: `feed` with a scope, `head` with its own id."""
        device = self._speaker()
        _require_own(device, COMPANY)
        streams = self._router.streams
        stream = streams.open(device.device_id)
        response = Response(streams.events(stream), content_type="text/event-stream")
        response.call_on_close(lambda: streams.close(stream))
        response.headers["X-Accel-Buffering"] = "no"
        return response


def _require_own(device: KnownDevice, scope: str) -> None:
    if device.revoked:
        raise DeviceRevoked("this device was revoked; its facts are still taken")
    if scope not in (COMPANY, device.branch_id):
        raise ScopeRefused("a till reads the company's feed and its own branch's")


def _read_hello() -> Hello:
    try:
        hello = msgspec.json.decode(request.get_data(), type=Hello)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the body is not a hello") from error
    require_heads(hello)
    return hello


def _function(view: Callable[[], Response]) -> Callable[[], Response]:
    """A bound method cannot carry a mark; a function around it can."""

    @functools.wraps(view)
    def call() -> Response:
        return view()

    return call


def _json(answer: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(answer), content_type="application/json")
