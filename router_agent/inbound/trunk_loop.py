"""The thread that keeps the trunk: woken by tills, by the cloud and by a timer.

Every turn is small. Whatever fails is tried again with full jitter; nothing that a till sent is
touched until the cloud has answered for it, and no fault ends the thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

import structlog

from router_agent import metrics
from router_agent.inbound.feed_turns import FeedTurns
from router_agent.inbound.house import House
from router_agent.inbound.streams import Streams
from router_agent.operations import line as lines
from router_agent.operations.trunk import Credit, Sent, note_hello, send_lane, send_next
from router_agent.outbound import backlog, decisions, line_log, store
from router_agent.outbound.roll_call import RollCall
from router_agent.outbound.shelf import VaultShelf
from router_agent.outbound.waiting_sums import WaitingSums
from sentra.instants import Clock
from sentra.link.backoff import wait_ms
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkFailure, LinkRefused
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import PROTOCOLS, Hello
from sentra.vault.archived import WINDOW_DAYS_DEFAULT
from sentra.vault.database import Vault
from sentra.vault.failures import VaultFailure
from sentra.vault.identity import Identity

TIMER_S: Final = 5.0
"""A turn without any wake-up: a lost event costs this much latency and no data."""

HELLO_EVERY_MS: Final = 30_000
"""Heads, feed heads and clocks are compared this often while all is well."""

LINE_WAIT_S_MAX: Final = 5.0
"""Between two tries on a dead line: one small packet, and a branch drains soon after it is back."""

REFUSED_WAIT_S_MAX: Final = 30.0
"""Between two tries after an answer that refused: who refuses is there, and perhaps busy."""

REST_MS: Final = 60_000
"""A journal that the cloud refused rests this long, so that it never holds up the others; so do
decisions that the cloud did not sign."""

DISK_WAIT_S: Final = 5.0
"""After a write that failed: a person has to make room, which takes longer."""

PAUSE_S_MAX: Final = 10.0
"""The cloud may ask for a pause between envelopes, but not for more."""

FEED_GAP_MS: Final = 1_000
"""Between two fetches that strangers cause."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrunkParts:
    """What the loop works with. `ticks`: milliseconds of a clock that only goes forward.

    `keep_days`: how far back the cloud's database can be restored.
    """

    vault: Vault
    identity: Identity
    link: Link
    shelf: VaultShelf
    streams: Streams
    sums: WaitingSums
    roll_call: RollCall
    clock: Clock
    ticks: Clock
    version: str
    keep_days: int = WINDOW_DAYS_DEFAULT


class TrunkLoop(threading.Thread):
    """One router's line to the cloud. Other threads read `state`, which is replaced whole."""

    def __init__(self, parts: TrunkParts) -> None:
        super().__init__(name=f"trunk-{parts.identity.name}", daemon=True)
        self._parts = parts
        self._clock, self._ticks = parts.clock, parts.ticks
        self._scopes = (COMPANY, parts.identity.branch_id)
        self._credit = Credit()
        self._moved, self._urgent = threading.Event(), threading.Event()
        self._feed_asked, self._hello_asked = threading.Event(), threading.Event()
        self._stopped = threading.Event()
        self._feed_asked.set()
        self._hello_due_tick_ms = self._feed_rests_until_tick_ms = 0
        self._feed_unfinished = False
        self._house = House(parts.vault, parts.identity, parts.keep_days, parts.ticks)
        self._feeds = FeedTurns(
            parts.link, parts.shelf, parts.identity.cloud_public_key, parts.ticks
        )
        self._stranger_tick_ms = -FEED_GAP_MS
        self._resting: dict[str, int] = {}
        self._gaps: set[str] = set()
        self._failures = 0
        self._kept_tick_ms: int | None = None
        self._started_at_ms = self._clock()
        self.addresses: tuple[str, ...] = ()
        with parts.vault.reader() as db:
            outage = line_log.open_outage(db)
        self.state = lines.resumed(None if outage is None else outage.started_at_ms)

    # -- called by other threads --------------------------------------------------------------

    @property
    def link(self) -> Link:
        """The line to the cloud; threads may share it."""
        return self._parts.link

    def wake(self) -> None:
        """Something came in: look now, unless the line is known to be dead."""
        self._moved.set()

    def try_now(self) -> None:
        """Branch IT asks for a try without waiting."""
        self._urgent.set()
        self._moved.set()

    def greet_soon(self) -> None:
        """A till has new decisions: the back office shows who has a price, and who waits for it."""
        self._hello_asked.set()
        self._moved.set()

    def fetch_feed_soon(self) -> None:
        """A device spoke that the feed, as it is here, does not name."""
        tick_ms = self._ticks()
        if tick_ms - self._stranger_tick_ms >= FEED_GAP_MS:
            self._stranger_tick_ms = tick_ms
            self._feed_asked.set()
            self._moved.set()

    def fetch_snapshot_soon(self, scope: str) -> None:
        """A till asks for a snapshot that is not here."""
        self._feeds.ask_snapshot(scope)
        self._feed_asked.set()
        self._moved.set()

    def stop(self) -> None:
        """Ends the loop after its present step, and the wait for the cloud's words at once."""
        self._stopped.set()
        self._urgent.set()
        self._moved.set()
        self._parts.link.close()

    # -- the thread ---------------------------------------------------------------------------

    def run(self) -> None:
        """Turns until stopped; a fault of ours is logged and tried again like a dead line."""
        threading.Thread(target=self._listen, name=f"{self.name}-wakes", daemon=True).start()
        while not self._stopped.is_set():
            wait_s = self._take_turn()
            # A sale does not shorten the wait on a dead line; a person does.
            waiting_for = self._moved if wait_s is None else self._urgent
            waiting_for.wait(TIMER_S if wait_s is None else wait_s)
            self._moved.clear()
            if self._urgent.is_set():
                self._urgent.clear()
                self._hello_asked.set()
                self._resting = {}
                self._feed_rests_until_tick_ms = 0

    def _take_turn(self) -> float | None:
        """One turn; the seconds to wait where it failed."""
        wait_s = None
        try:
            self._turn()
            self._failures = 0
            if self.state.disk_problem is not None:
                self.state = replace(self.state, disk_problem=None)
        except LinkFailure as error:
            wait_s = self._guarded(error.slug, error)
        except VaultFailure as error:
            if not self._stopped.is_set():
                _log.error("the vault does not take it", code=error.code, detail=str(error))
                self.state = replace(self.state, disk_problem=error.code)
            wait_s = DISK_WAIT_S
        except Exception as error:
            if not self._stopped.is_set():
                _log.exception("a turn of the trunk failed")
            wait_s = self._guarded("fault", error)
        self._keep_house()
        return wait_s

    def _turn(self) -> None:
        more = True
        while more and not self._stopped.is_set():
            if self._hello_asked.is_set() or self._ticks() >= self._hello_due_tick_ms:
                self._greet()
            self._feed_unfinished = False
            self._fetch()
            more = self._send() or self._feed_unfinished

    def _greet(self) -> None:
        self._hello_asked.clear()
        began_ms, began_tick_ms = self._clock(), self._ticks()
        answer = self._parts.link.hello(self._hello(began_ms))
        rtt_ms = self._ticks() - began_tick_ms
        self._hello_due_tick_ms = self._ticks() + HELLO_EVERY_MS
        key = self._parts.identity.cloud_public_key
        self._parts.roll_call.proofs.learn(answer.proved)
        due = note_hello(answer, self._parts.shelf, key, self._scopes)
        if due:
            self._feed_asked.set()
        self._answered()
        skew_ms = began_ms + rtt_ms // 2 - answer.clock_ms
        self.state = replace(
            self.state, skew_ms=skew_ms, rtt_ms=rtt_ms, notices=tuple(answer.notices)
        )

    def _hello(self, now_ms: int) -> Hello:
        with self._parts.vault.reader() as db:
            heads, waiting = store.heads(db), backlog.waiting(db)
            return Hello(
                software=self._parts.version,
                protocols=PROTOCOLS,
                clock_ms=now_ms,
                heads=heads,
                timeline=self._parts.shelf.timeline(),
                feed={scope: decisions.feed_cursor(db, scope) for scope in self._scopes},
                backlog=waiting.total(),
                oldest_waiting_ms=backlog.oldest_at_ms(db),
                addresses=self.addresses,
                waiting=dict.fromkeys(heads, 0) | waiting,
                terminals=self._parts.roll_call.notes(now_ms),
                skew_ms=self.state.skew_ms or 0,
                rtt_ms=self.state.rtt_ms or 0,
                proofs=self._parts.roll_call.proofs.notes(self._parts.identity, now_ms),
            )

    def _fetch(self) -> None:
        """Decisions come down. What is wrong with them never stops the facts on their way up."""
        if not self._feed_asked.is_set() or self._ticks() < self._feed_rests_until_tick_ms:
            return
        self._feed_asked.clear()
        problem = None
        for scope in self._scopes:
            try:
                came, unfinished = self._feeds.fetch(scope, self._stopped.is_set)
                if unfinished:
                    self._feed_asked.set()
                    self._feed_unfinished = True
                if came:
                    self._parts.streams.tell_feed(scope)
            except (ProtocolError, LinkRefused) as error:
                if isinstance(error, LinkRefused) and error.problem.retry:
                    self._feed_asked.set()
                    raise
                problem = error.slug
                _log.warning("decisions not taken", scope=scope, problem=problem, detail=str(error))
            except LinkDown:
                self._feed_asked.set()
                raise
        if problem is not None:
            self._feed_asked.set()
            self._feed_rests_until_tick_ms = self._ticks() + REST_MS
        self.state = replace(self.state, feed_problem=problem)

    def _send(self) -> bool:
        """Whether there may be more to send."""
        tick_ms = self._ticks()
        self._resting = {t: until for t, until in self._resting.items() if until > tick_ms}
        sent = send_next(
            self._parts.link,
            self._parts.shelf,
            self._credit,
            self._parts.identity.cloud_public_key,
            frozenset(self._resting),
        ) or send_lane(self._parts.link, self._parts.shelf, self._credit, frozenset(self._resting))
        if sent is None:
            self._forget_gaps()
            return False
        self._answered()
        self._note_outcomes(sent)
        self.state = lines.measured(self.state, sent.appended, self._ticks() - tick_ms)
        metrics.FORWARDED.labels(self._parts.identity.name).inc(sent.appended)
        self._parts.streams.tell_heads(outcome.terminal for outcome in sent.outcomes)
        if self._credit.pause_ms:
            self._stopped.wait(min(PAUSE_S_MAX, self._credit.pause_ms / 1000))
        return sent.moved

    def _note_outcomes(self, sent: Sent) -> None:
        aside = dict(self.state.set_aside)
        for outcome in sent.outcomes:
            terminal, is_gap = outcome.terminal, outcome.outcome == "gap"
            # The first gap told where the cloud is; after a second one, what it lacks is not here.
            is_stuck = is_gap and sent.moved and terminal in self._gaps
            if is_gap and sent.moved:
                self._gaps.add(terminal)
            else:
                self._gaps.discard(terminal)
            is_refused = outcome.outcome in ("refused", "fork")
            if is_stuck or (not sent.moved and (is_gap or is_refused)):
                # Also one of the lane, on which others wait: what it hangs on may never come.
                self._resting[terminal] = self._ticks() + REST_MS
            if not (is_stuck or is_refused):
                aside.pop(terminal, None)
                continue
            problem = outcome.problem or outcome.outcome
            _log.warning("the cloud set a journal aside", terminal=terminal, problem=problem)
            metrics.REFUSED.labels(self._parts.identity.name, problem).inc()
            aside[terminal] = problem
        if aside != self.state.set_aside:
            self.state = replace(self.state, set_aside=aside)

    def _forget_gaps(self) -> None:
        """Nothing is to be sent, and nothing rests: what was missing has come another way."""
        if self._gaps and not self._resting:
            aside = {t: why for t, why in self.state.set_aside.items() if t not in self._gaps}
            self._gaps.clear()
            self.state = replace(self.state, set_aside=aside)

    def _answered(self) -> None:
        """The line is there; an outage that lasted is over."""
        before, now_ms = self.state, self._clock()
        if not before.reachable:
            with self._parts.vault.reader() as db:
                waiting = self._parts.sums.now(db)
            with self._parts.vault.writer() as db:
                line_log.outage_ended(db, now_ms, waiting.sales)
            _log.info("the cloud answers", waiting=waiting.entries)
        self.state = lines.answered(before, now_ms)

    def _guarded(self, problem: str, error: Exception) -> float:
        """Notes a failure, also where the disk does not take the note."""
        asked_s = error.problem.retry_after_s if isinstance(error, LinkRefused) else None
        most_s = LINE_WAIT_S_MAX if isinstance(error, LinkDown) else REFUSED_WAIT_S_MAX
        self._failures += 1
        wait_s = wait_ms(self._failures, most_s=most_s, asked_s=asked_s) / 1000
        if self._stopped.is_set():
            return wait_s
        before, now_ms = self.state, self._clock()
        self._hello_asked.set()
        self.state = lines.failed(before, problem, now_ms, now_ms + int(wait_s * 1000))
        metrics.TURNS_FAILED.labels(self._parts.identity.name, problem).inc()
        if before.reachable is not False or before.problem != problem:
            _log.warning("the cloud does not serve", problem=problem, detail=str(error))
        if before.reachable is not False:
            try:
                with self._parts.vault.writer() as db:
                    line_log.outage_began(db, now_ms, problem)
            except VaultFailure as failure:
                self.state = replace(self.state, disk_problem=failure.code)
        return wait_s

    def _keep_house(self) -> None:
        """Now and then: that this router lives, and which tills do."""
        tick_ms, now_ms = self._ticks(), self._clock()
        due = self._kept_tick_ms is None or tick_ms - self._kept_tick_ms >= HELLO_EVERY_MS
        if not due or self._stopped.is_set():
            return
        self._kept_tick_ms = tick_ms
        try:
            self.write_watch(now_ms)
            self._house.keep(now_ms)
        except VaultFailure as failure:
            _log.error("the vault does not take it", code=failure.code, detail=str(failure))
            self.state = replace(self.state, disk_problem=failure.code)

    def write_watch(self, now_ms: int) -> None:
        """Writes down that the router ran until now, and what the tills said."""
        with self._parts.vault.writer() as db:
            line_log.keep_watch(db, self._started_at_ms, now_ms)
            line_log.forget_before(db, now_ms - line_log.KEPT_MS)
            self._parts.roll_call.write(db)

    def _listen(self) -> None:
        """Wake-ups from the cloud; a broken stream is opened again, and costs only latency."""
        failures = 0
        while not self._stopped.is_set():
            try:
                for event in self._parts.link.wakes(self._stopped):
                    failures = 0
                    if event == "feed":
                        self._feed_asked.set()
                        self._moved.set()
            except LinkFailure:
                failures += 1
            except Exception:
                failures += 1
                if not self._stopped.is_set():
                    _log.exception("the cloud's words are not understood")
            self._stopped.wait(wait_ms(failures, most_s=REFUSED_WAIT_S_MAX) / 1000)
            # What moved while nobody listened is found by asking.
            self._hello_asked.set()
            self._moved.set()
