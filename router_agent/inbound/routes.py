"""The router's end of the protocol: for the terminals of its own branch only."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Blueprint, Flask, Response, request
from prometheus_client import Counter

from router_agent.operations.answer import answer_hello, answer_journal
from router_agent.operations.take import take_parcels
from router_agent.outbound import store
from sentra.protocol.envelope import unpack
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import COMPANY, pack_page
from sentra.protocol.messages import Hello
from sentra.web.devices import KnownDevice, MemoryNonces, verify_device
from sentra.web.permissions import public

if TYPE_CHECKING:
    from router_agent.bootstrap import Router

FEED_PAGE_BYTES = 1024 * 1024
"""One page of the feed: a till applies it within a second."""

STREAMS_MAX = 64
"""Waiting tills; a branch has up to a few dozen, each holds one thread."""

HEARTBEAT_S = 15.0
"""A comment line this often, so that both ends notice a dead line."""

_SIGNED = "the request is signed by the device; the view verifies it before anything else"
_log = structlog.get_logger(__name__)
_TAKEN = Counter("sentra_router_entries_taken_total", "Entries taken from tills")
_ODD = Counter("sentra_router_journals_odd_total", "Journals not appended", ("outcome", "problem"))


class ScopeRefused(ProtocolError):
    """A feed that is not this branch's."""

    slug = "scope-refused"


class StreamsFull(ProtocolError):
    """More waiting tills than the router keeps threads for; the timer serves them meanwhile."""

    slug = "streams-full"
    retry = True


class Inbound:
    """The views of one router, over its parts."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._nonces = MemoryNonces(router.clock)
        self._streams: set[queue.SimpleQueue[tuple[str, str]]] = set()
        self._taking = threading.Lock()
        threading.Thread(target=self._announce, name="announce", daemon=True).start()

    def register(self, app: Flask) -> None:
        """Adds the protocol's routes."""
        routes = Blueprint("protocol", __name__, url_prefix="/v1")
        for method, rule, view in (
            ("POST", "/hello", self.hello),
            ("POST", "/journal", self.journal),
            ("GET", "/feed", self.feed),
            ("GET", "/stream", self.stream),
        ):
            guarded = public(_SIGNED)(_function(view))
            routes.add_url_rule(rule, view_func=guarded, methods=[method])
        app.register_blueprint(routes)

    def _device(self) -> KnownDevice:
        return verify_device(request, self._find, self._nonces, self._router.clock())

    def _find(self, device_id: str) -> KnownDevice | None:
        with self._router.vault.reader() as db:
            found = next((d for d in store.devices(db) if d.id == device_id), None)
        if found is None or found.role != "terminal":
            return None
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.public_key))
        branch = self._router.identity.branch_id
        return KnownDevice(found.id, found.role, branch, key, revoked=found.revoked)

    def hello(self) -> Response:
        """Compares heads; remembers that the till lives."""
        device = self._device()
        hello = msgspec.json.decode(request.get_data(), type=Hello)
        now_ms = self._router.clock()
        with self._router.vault.writer() as db:
            store.note_heard(db, device.device_id, hello, now_ms)
        with self._router.vault.reader() as db:
            state = store.journal(db, device.device_id)
            scopes = (COMPANY, device.branch_id)
            feed = {scope: store.feed_cursor(db, scope) for scope in scopes}
        timeline = self._router.identity.timeline
        answer = answer_hello(
            hello, device.device_id, state, feed, timeline, now_ms, self._router.version
        )
        return _json(msgspec.json.encode(answer))

    def journal(self) -> Response:
        """Takes an envelope: what is new is on disk before the answer leaves."""
        device = self._device()
        parcels = unpack(request.get_data())
        now_ms = self._router.clock()
        with self._taking, self._router.vault.writer() as db:
            takings, unreadable = take_parcels(
                parcels,
                lambda terminal: device.public_key if terminal == device.device_id else None,
                lambda terminal: store.head_of(db, terminal),
            )
            store.keep(db, takings, now_ms)
            store.touch_heard(db, device.device_id, now_ms)
            state = store.journal(db, device.device_id)
        marks = {device.device_id: state.watermark} if state and state.watermark else {}
        for taking in takings:
            _TAKEN.inc(taking.entry_count)
            if taking.outcome in ("refused", "fork", "gap"):
                self._note_odd(taking.terminal, taking.outcome, taking.problem)
        if unreadable:
            self._note_odd(device.device_id, "refused", "segment-damaged")
        self._router.trunk.wake()
        return _json(msgspec.json.encode(answer_journal(takings, marks)))

    def _note_odd(self, terminal: str, outcome: str, problem: str | None) -> None:
        _ODD.labels(outcome, problem or "none").inc()
        _log.warning("journal not appended", terminal=terminal, outcome=outcome, problem=problem)

    def feed(self) -> Response:
        """Revisions as the cloud sealed them, from the cache."""
        device = self._device()
        scope = request.args.get("scope", "")
        if scope not in (COMPANY, device.branch_id):
            raise ScopeRefused("a till reads the company's feed and its own branch's")
        after = request.args.get("after", 0, type=int)
        with self._router.vault.reader() as db:
            head = store.feed_cursor(db, scope)
            page = store.revisions_after(db, scope, after, FEED_PAGE_BYTES)
        return Response(pack_page(head, page), content_type="application/octet-stream")

    def stream(self) -> Response:
        """Wake-ups for one till."""
        self._device()
        if len(self._streams) >= STREAMS_MAX:
            raise StreamsFull("too many tills wait here")
        mine: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._streams.add(mine)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(self._events(mine), content_type="text/event-stream", headers=headers)

    def _events(self, mine: queue.SimpleQueue[tuple[str, str]]) -> Iterator[str]:
        try:
            yield ": here\n\n"
            while not self._router.stopping.is_set():
                try:
                    event, data = mine.get(timeout=HEARTBEAT_S)
                    yield f"event: {event}\ndata: {data}\n\n"
                except queue.Empty:
                    yield ": still here\n\n"
        finally:
            self._streams.discard(mine)

    def _announce(self) -> None:
        """Tells the waiting tills whenever the trunk brought something."""
        changed = threading.Event()
        self._router.trunk.changed.append(changed)
        while not self._router.stopping.is_set():
            if changed.wait(1.0):
                changed.clear()
                for stream in list(self._streams):
                    stream.put(("feed", self._router.identity.branch_id))


def _function(view: Callable[[], Response]) -> Callable[[], Response]:
    """A bound method cannot carry a mark; a function around it can."""

    @functools.wraps(view)
    def call() -> Response:
        return view()

    return call


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json")
