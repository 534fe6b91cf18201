"""The thread that keeps the trunk: woken by tills, by the cloud and by a timer.

Every turn is small and says whether it found work. Whatever fails is tried again with full
jitter; nothing that a till sent is touched until the cloud has answered for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import structlog
from prometheus_client import Counter, Gauge
from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_random_exponential

from router_agent.operations.trunk import Credit, fetch_feed, note_hello, send_next
from router_agent.outbound import store
from router_agent.outbound.shelf import VaultShelf
from sentra.instants import Clock
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.errors import FeedDamaged
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import PROTOCOLS, Hello
from sentra.vault.database import Vault
from sentra.vault.identity import Identity

TIMER_S = 5.0
"""A turn without any wake-up: a lost event costs this much latency and no data."""

HELLO_EVERY_MS = 30_000
"""Heads, feed heads and clocks are compared this often while all is well."""

BACKOFF_S_MAX = 30.0
"""The longest wait between two tries: nobody looks at a dead line for longer than that."""

REST_MS = 60_000
"""A journal that the cloud refused rests this long, so that it never holds up the others."""

_log = structlog.get_logger(__name__)
_FORWARDED = Counter(
    "sentra_router_segments_forwarded_total", "Segments that the cloud answered for"
)
_REFUSED = Counter(
    "sentra_router_journals_refused_total", "Journals refused by the cloud", ("problem",)
)
_TRUNK_UP = Gauge("sentra_router_trunk_up", "1 while the cloud answers")


@dataclass(frozen=True, slots=True)
class TrunkState:
    """What the status page says of the line. Instants are None before the first of their kind."""

    reachable: bool = False
    since_ms: int | None = None
    last_ok_at_ms: int | None = None
    skew_ms: int = 0
    rtt_ms: int | None = None
    problem: str | None = None
    next_try_at_ms: int | None = None
    entries_per_s: int | None = None


class TrunkLoop(threading.Thread):
    """One router's line to the cloud."""

    def __init__(
        self, vault: Vault, identity: Identity, link: Link, clock: Clock, version: str
    ) -> None:
        super().__init__(name=f"trunk-{identity.name}", daemon=True)
        self._vault, self._identity, self._link = vault, identity, link
        self._clock, self._version = clock, version
        self._shelf = VaultShelf(vault, identity.device_id)
        self._credit = Credit()
        self._moved, self._stopped = threading.Event(), threading.Event()
        self._hello_due_at_ms = 0
        self._feed_due = True
        self._resting: dict[str, int] = {}
        self._failures = 0
        self.addresses: tuple[str, ...] = ()
        self.state = TrunkState()
        self.changed: list[threading.Event] = []

    def wake(self) -> None:
        """Something came in: look now."""
        self._moved.set()

    def try_now(self) -> None:
        """Branch IT asks for a try without waiting for the backoff."""
        self._hello_due_at_ms = 0
        self._resting.clear()
        self._moved.set()

    def stop(self) -> None:
        """Ends the loop after its present step."""
        self._stopped.set()
        self._moved.set()

    def run(self) -> None:
        """Turns until stopped; a fault of ours is logged and tried again like a dead line."""
        threading.Thread(target=self._listen, name=f"{self.name}-wakes", daemon=True).start()
        while not self._stopped.is_set():
            try:
                self._turn()
                self._failures = 0
                wait_s = TIMER_S
            except (LinkDown, LinkRefused) as error:
                wait_s = self._failed(getattr(error, "slug", type(error).__name__), error)
            except FeedDamaged as error:
                wait_s = self._failed(error.slug, error)
            except Exception as error:
                _log.exception("trunk turn failed")
                wait_s = self._failed("fault", error)
            self._moved.wait(wait_s)
            self._moved.clear()

    def _turn(self) -> None:
        if self._clock() >= self._hello_due_at_ms:
            self._greet()
        if self._feed_due:
            self._feed_due = False
            self._fetch()
        while not self._stopped.is_set() and self._send():
            if self._feed_due:
                self._feed_due = False
                self._fetch()

    def _greet(self) -> None:
        began_ms = self._clock()
        answer = self._link.hello(self._hello(began_ms))
        now_ms = self._clock()
        note_hello(answer, self._shelf, self._identity.cloud_public_key)
        for scope, revision in answer.feed.items():
            self._feed_due = self._feed_due or revision > self._shelf.feed_cursor(scope)
        self._hello_due_at_ms = now_ms + HELLO_EVERY_MS
        middle_ms = (began_ms + now_ms) // 2
        self._up(now_ms, skew_ms=middle_ms - answer.clock_ms, rtt_ms=now_ms - began_ms)

    def _hello(self, now_ms: int) -> Hello:
        with self._vault.reader() as db:
            lanes = store.lanes(db)
            return Hello(
                software=self._version,
                protocols=PROTOCOLS,
                clock_ms=now_ms,
                heads=store.heads(db),
                timeline=self._identity.timeline,
                feed={s: store.feed_cursor(db, s) for s in (COMPANY, self._identity.branch_id)},
                backlog=sum(lane.waiting for lane in lanes),
                oldest_waiting_ms=store.oldest_waiting_at_ms(db),
                addresses=self.addresses,
                waiting={lane.terminal: lane.waiting for lane in lanes},
                skew_ms=self.state.skew_ms,
                rtt_ms=self.state.rtt_ms or 0,
            )

    def _fetch(self) -> None:
        key = self._identity.cloud_public_key
        scopes = (COMPANY, self._identity.branch_id)
        if sum([fetch_feed(self._link, self._shelf, scope, key) for scope in scopes]):
            for event in self.changed:
                event.set()

    def _send(self) -> bool:
        now_ms = self._clock()
        self._resting = {t: until for t, until in self._resting.items() if until > now_ms}
        began_ms = self._clock()
        sent = send_next(
            self._link,
            self._shelf,
            self._credit,
            self._identity.cloud_public_key,
            frozenset(self._resting),
        )
        if sent is None:
            return False
        now_ms = self._clock()
        _FORWARDED.inc(len(sent.outcomes))
        for outcome in sent.outcomes:
            if outcome.outcome in ("refused", "fork"):
                problem = outcome.problem or outcome.outcome
                _log.warning(
                    "cloud set a journal aside", terminal=outcome.terminal, problem=problem
                )
                _REFUSED.labels(problem).inc()
                self._resting[outcome.terminal] = now_ms + REST_MS
        appended = sum(outcome.appended for outcome in sent.outcomes)
        self._up(now_ms, entries_per_s=appended * 1000 // max(1, now_ms - began_ms))
        for event in self.changed:
            event.set()
        if self._credit.pause_ms:
            self._stopped.wait(self._credit.pause_ms / 1000)
        return sent.moved

    def _up(
        self,
        now_ms: int,
        *,
        skew_ms: int | None = None,
        rtt_ms: int | None = None,
        entries_per_s: int | None = None,
    ) -> None:
        before = self.state
        self.state = replace(
            before,
            reachable=True,
            since_ms=before.since_ms if before.reachable else now_ms,
            last_ok_at_ms=now_ms,
            skew_ms=before.skew_ms if skew_ms is None else skew_ms,
            rtt_ms=before.rtt_ms if rtt_ms is None else rtt_ms,
            problem=None,
            next_try_at_ms=None,
            entries_per_s=entries_per_s or before.entries_per_s,
        )
        if not before.reachable:
            _TRUNK_UP.set(1)
            with self._vault.writer() as db:
                store.outage_ended(db, now_ms)

    def _failed(self, problem: str, error: Exception) -> float:
        """Notes the failure; returns the seconds to wait, with full jitter."""
        now_ms = self._clock()
        self._failures += 1
        self._hello_due_at_ms = 0
        self._feed_due = True
        wait_s = _backoff_s(self._failures)
        before = self.state
        self.state = replace(
            before,
            reachable=False,
            since_ms=now_ms if before.reachable or before.since_ms is None else before.since_ms,
            problem=problem,
            next_try_at_ms=now_ms + int(wait_s * 1000),
        )
        if before.reachable or before.since_ms is None:
            _log.warning("the cloud does not answer", problem=problem, detail=str(error))
            _TRUNK_UP.set(0)
            with self._vault.writer() as db:
                store.outage_began(db, now_ms, problem)
        return wait_s

    def _listen(self) -> None:
        """Wake-ups from the cloud; a broken stream is opened again, and costs only latency."""
        failures = 0
        while not self._stopped.is_set():
            try:
                for event in self._link.wakes(self._stopped):
                    failures = 0
                    self._feed_due = self._feed_due or event == "feed"
                    self._moved.set()
            except (LinkDown, LinkRefused):
                failures += 1
            self._stopped.wait(_backoff_s(max(1, failures)))


_wait = wait_random_exponential(multiplier=0.5, max=BACKOFF_S_MAX)


def _backoff_s(failures: int) -> float:
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = failures
    return float(_wait(state))
