"""One turn for one till: choose a store, greet it, fetch what was decided, send what waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
import structlog

from sentra.events import Device
from sentra.instants import Clock
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import Hello
from sentra.vault.failures import RevisionOutOfOrder
from sentra.vault.room import go_on
from syncd.daemon.inbound import metrics
from syncd.daemon.inbound.backoff import wait_ms
from syncd.daemon.inbound.branch_desk import BRANCH_EVENT, BranchDesk
from syncd.daemon.inbound.listen import MISSED
from syncd.daemon.inbound.recovery import Recovery
from syncd.daemon.operations import route
from syncd.daemon.operations.fetch import fetch_page, still_due
from syncd.daemon.operations.greet import Self, evidence_for, hello_of, note_hello
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName, Talk
from syncd.daemon.operations.proving import Prover
from syncd.daemon.operations.route import Line
from syncd.daemon.operations.send import send_aside, send_next
from syncd.daemon.outbound.lines import Lines
from syncd.daemon.outbound.shelf import VaultShelf

HELLO_EVERY_MS: Final = 30_000
"""Heads, feeds and clocks are compared this often while nothing wakes us."""

WAKE_GAP_MS: Final = 500
"""Between two hellos that wake-ups cause: in a busy branch every till is woken all the time."""

FETCH_MS_MAX: Final = 2_000
"""Of a long feed at once; then what was sold meanwhile has its turn."""

SEND_BETWEEN_MS: Final = 200
"""While a large catalogue is written, what was sold meanwhile is looked for this often."""

FEED_EVENT: Final = "feed"
HEAD_EVENT: Final = "head"
FEED_STUCK: Final = "feed-stuck"
"""Decisions do not arrive although the store has them; sales do."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Conversation:
    """A talk over one link. The ticks, of a clock that only goes forward, say when it was last
    greeted and, where the store asked for a pause, when it may be sent to again; `between_tick_ms`
    the same for what is sent in the middle of a fetch."""

    link: Link
    talk: Talk
    greeted_tick_ms: int = 0
    resume_tick_ms: int = 0
    between_tick_ms: int = 0
    rtt_ms: int = 0


class Turner:
    """Takes the turns of one till; belongs to its thread."""

    def __init__(
        self,
        shelf: VaultShelf,
        lines: Lines,
        *,
        clock: Clock,
        ticks: Clock,
        version: str,
        stopped: Callable[[], bool],
        desk: BranchDesk | None = None,
    ) -> None:
        """`clock` is the wall's, `ticks` only goes forward; both in milliseconds. Without a `desk`
        nothing is shared with the branch's other tills."""
        self._shelf, self._lines = shelf, lines
        self._clock, self._ticks = clock, ticks
        self._version, self._stopped = version, stopped
        self._talks: dict[StoreName, Conversation] = {}
        self._states: dict[StoreName, Line] = {ROUTER: Line(), CLOUD: Line()}
        self._recovery = Recovery(shelf, lines, clock)
        self._prover = Prover(shelf.terminal(), shelf.proof)
        self._wakes: set[str] = set()
        self._desk = desk
        self.has_router = False
        self.via: StoreName | None = None

    @property
    def link(self) -> Link | None:
        """The link of the store that carries now."""
        return self._talks[self.via].link if self.via in self._talks else None

    @property
    def notice(self) -> str | None:
        """What a person should see of the store that carries now."""
        if self.via not in self._talks:
            return None
        talk = self._talks[self.via].talk
        return talk.notice or talk.advice

    @property
    def skew_ms(self) -> int:
        """This clock minus the store's."""
        return -self.link.offset_ms if self.link is not None else 0

    def has_sent_everything(self) -> bool:
        """Whether the cloud has all of the journal, or a store keeps it beside another's."""
        if self.via not in self._talks or self._shelf.is_provisional():
            return False
        talk, own = self._talks[self.via].talk, self._shelf.head()
        if talk.aside is not None:
            return (own.epoch, own.seq) <= (talk.aside.epoch, talk.aside.seq)
        return talk.notice is None and self._shelf.backlog("cloud").count == 0

    def line(self, name: StoreName) -> Line:
        """How a line does."""
        return self._states[name]

    def wake(self, event: str) -> None:
        """A store said that something moved there: greet it soon, where that may bring news."""
        if self._desk is not None and event in (BRANCH_EVENT, MISSED):
            self._desk.wake()
        if event != BRANCH_EVENT:
            self._wakes.add(event)

    def take(self, timer_ms: int) -> int:
        """One turn; returns the milliseconds until the next one without a wake-up.

        Raises what the vault raises; every failure of a line is noted and waited for.
        """
        routers = self._shelf.routers()
        self.has_router = bool(routers)
        now_router = self._states[ROUTER] if routers else None
        for name in route.order(now_router, self._states[CLOUD], self._ticks()):
            if self._try(name, routers):
                break
        if self._desk is not None and self.via != ROUTER:
            self._desk.close()
        return self._idle_ms(timer_ms)

    def _idle_ms(self, timer_ms: int) -> int:
        tick_ms = self._ticks()
        router = self._states[ROUTER] if self.has_router else None
        idle = route.idle_ms(router, self._states[CLOUD], tick_ms, timer_ms)
        if self.via in self._talks:
            talking = self._talks[self.via]
            if self._wakes:
                idle = min(idle, talking.greeted_tick_ms + WAKE_GAP_MS - tick_ms)
            if talking.resume_tick_ms > tick_ms:
                idle = min(idle, talking.resume_tick_ms - tick_ms)
        return max(idle, 0)

    def _try(self, name: StoreName, routers: Sequence[Device]) -> bool:
        """Whether the store answered."""
        try:
            self._speak(name, routers)
        except (LinkDown, LinkRefused) as error:
            asked_s = error.problem.retry_after_s if isinstance(error, LinkRefused) else None
            self._note_failure(name, error.slug, error, asked_s)
            return False
        except ValueError as error:
            self._note_failure(name, "answer-wrong", error, None)
            return False
        self._states[name] = route.answered(self._states[name], self._clock())
        if self.via != name:
            _log.info("carried by another store", via=name, before=self.via)
            self.via = name
        return True

    def _note_failure(
        self, name: StoreName, problem: str, error: Exception, asked_s: int | None
    ) -> None:
        line = self._states[name]
        retry_at = self._ticks() + wait_ms(name, line.failures + 1, asked_s)
        if line.reachable is not False or line.last_error != problem:
            _log.warning("a store does not serve", store=name, problem=problem, detail=str(error))
        self._states[name] = route.failed(line, problem, self._clock(), retry_at)
        self._talks.pop(name, None)
        metrics.FAILED.labels(name, problem).inc()
        if self.via == name:
            self.via = None

    def _speak(self, name: StoreName, routers: Sequence[Device]) -> None:
        talking = self._talks.get(name)
        if talking is None:
            talking = self._talks[name] = self._begin(name, routers)
        elif self._greeting_due(talking):
            self._greet(talking)
        while not self._stopped():
            if self._desk is not None and name == ROUTER:
                self._desk.take(talking.link)
            self._fetch(talking)
            if self._ticks() < talking.resume_tick_ms:
                return
            more = self._send(name, talking)
            if not (more or talking.talk.due) or self._router_is_due(name):
                return

    def _begin(self, name: StoreName, routers: Sequence[Device]) -> Conversation:
        """The first link that answers a hello. Raises what the last one raised."""
        links = [self._lines.cloud()] if name == CLOUD else self._lines.routers(routers)
        for left, link in zip(reversed(range(len(links))), links, strict=True):
            talking = Conversation(link, Talk(name))
            try:
                self._greet(talking)
            except (LinkDown, LinkRefused):
                if left == 0 or self._stopped():
                    raise
            else:
                return talking
        raise LinkDown("no-answer", name, "no address is known")

    def _greeting_due(self, talking: Conversation) -> bool:
        age_ms = self._ticks() - talking.greeted_tick_ms
        if age_ms >= HELLO_EVERY_MS:
            return True
        if age_ms < WAKE_GAP_MS:
            return False
        if self._wakes == {HEAD_EVENT} and self._shelf.backlog("cloud").count == 0:
            # Our own journal moved there, which the answer to our envelope has told already.
            self._wakes.clear()
        return bool(self._wakes)

    def _greet(self, talking: Conversation) -> None:
        # Cleared first: a wake-up during the hello asks for another one.
        self._wakes.clear()
        began = self._ticks()
        answer = talking.link.hello(self._hello(talking))
        talking.greeted_tick_ms = self._ticks()
        # Rounded up: 0 says that it was not measured yet.
        talking.rtt_ms = talking.greeted_tick_ms - began + 1
        before = self.notice
        key = self._shelf.identity.cloud_public_key
        note_hello(talking.talk, answer, self._shelf, key, self._clock())
        self._shelf.note_feed_heads(answer.feed)
        self._prover.note_answer(answer)
        if self._recovery.is_due(talking.talk) and self._recovers(talking):
            note_hello(talking.talk, answer, self._shelf, key, self._clock())
        now = talking.talk.notice or talking.talk.advice
        if now not in (None, before):
            _log.error("a person is needed", notice=now, store=talking.talk.store)

    def _hello(self, talking: Conversation) -> Hello:
        waiting = self._shelf.backlog("cloud")
        me = Self(
            software=self._version,
            backlog=waiting.count,
            oldest_waiting_ms=waiting.oldest_at_ms,
            skew_ms=self.skew_ms,
            rtt_ms=talking.rtt_ms,
        )
        now_ms = self._clock()
        proofs = self._prover.notes(now_ms, self._ticks())
        return msgspec.structs.replace(
            hello_of(self._shelf, me, now_ms),
            proofs=proofs,
            cloud=evidence_for(talking.talk, self._shelf),
        )

    def _recovers(self, talking: Conversation) -> bool:
        """Whether the journal, which was put back, goes on with what the stores hold of it."""
        if not self._recovery.take(talking.talk, talking.link, lambda: self._hello(talking)):
            return False
        # What was said with the other stores was of another line.
        self._talks = {name: one for name, one in self._talks.items() if one is talking}
        return True

    def _fetch(self, talking: Conversation) -> None:
        """What is wrong with a feed never keeps a sale back: it is noted, and asked for again
        after the next hello."""
        talk, key = talking.talk, self._shelf.identity.cloud_public_key
        due, talk.due = still_due(talk, self._shelf), ()
        for scope in due:
            self._shelf.meanwhile = partial(self._send_between, talking)
            try:
                more, until_ms = True, self._ticks() + FETCH_MS_MAX
                while more and not self._stopped() and self._ticks() < until_ms:
                    more = fetch_page(
                        talking.link, self._shelf, scope, key, is_cloud=talk.store == CLOUD
                    )
                    metrics.APPLIED.inc()
                if more:
                    talk.due = (*talk.due, scope)
                # Said again soon: the back office shows which tills have a new price.
                self._wakes.add(FEED_EVENT)
            except (LinkRefused, ProtocolError) as error:
                self._note_feed(talk, scope, error.slug, error)
            except RevisionOutOfOrder as error:
                self._note_feed(talk, scope, error.code, error)
            finally:
                self._shelf.meanwhile = go_on

    def _note_feed(self, talk: Talk, scope: str, problem: str, error: Exception) -> None:
        if not (isinstance(error, LinkRefused) and error.problem.retry):
            talk.advice = FEED_STUCK
        metrics.FAILED.labels(talk.store, problem).inc()
        _log.error("a feed is stuck", scope=scope, problem=problem, detail=str(error))

    def _send(self, name: StoreName, talking: Conversation) -> bool:
        """Whether there may be more to send."""
        key, talk = self._shelf.identity.cloud_public_key, talking.talk
        if talk.aside is None:
            sent = send_next(talking.link, self._shelf, talk, key, self._clock())
        else:
            sent = send_aside(talking.link, self._shelf, talk, self._clock())
        if sent is None:
            return False
        talking.resume_tick_ms = self._ticks() + talking.talk.pause_ms
        metrics.SENT.labels(name).inc(sent.segments)
        metrics.SENT_BYTES.labels(name).inc(sent.size_bytes)
        if not sent.moved:
            notice = talking.talk.notice
            _log.error("the journal is not taken", store=name, outcome=sent.outcome, notice=notice)
            # The next hello tells why, soon.
            self._wakes.add(HEAD_EVENT)
        return sent.moved

    def _send_between(self, talking: Conversation) -> None:
        """One envelope in the middle of a fetch, which no failure of it may end: what was staged
        would be staged anew. A line that is dead says so again when the fetch goes on."""
        tick_ms = self._ticks()
        if tick_ms < max(talking.resume_tick_ms, talking.between_tick_ms):
            return
        talking.between_tick_ms = tick_ms + SEND_BETWEEN_MS
        try:
            self._send(talking.talk.store, talking)
        except (LinkDown, LinkRefused, ValueError) as error:
            talking.between_tick_ms = tick_ms + HELLO_EVERY_MS
            _log.warning("not sent beside a fetch", store=talking.talk.store, detail=str(error))

    def _router_is_due(self, name: StoreName) -> bool:
        """Also while the cloud takes a long backlog, the way back to the router is looked for."""
        router = self._states[ROUTER]
        return name == CLOUD and self.has_router and self._ticks() >= router.retry_at_tick_ms
