"""The lines between machines: up or down, and what the weather does to a request on the way.

A request may be lost, its answer may be, it may come late (after its sender has given up and sent
others), twice, or torn; something in between may answer in the server's place. What comes late is
kept and delivered in the order of its time, which is how requests overtake each other.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from urllib3.exceptions import (
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from sentra.link.wire import ANSWER_S_MAX, CONNECT_S_MAX
from simulation.clocks import TrueTime
from simulation.power import NeverEnds, PowerCut
from simulation.trace import Trace
from simulation.wire import Answer, Request, WirePool

REQUESTS_PER_STEP_MAX: Final = 1_000
"""A step of the greatest backlog with the tightest limits makes some hundreds; more means that it
never ends."""

LATE_MS_MAX: Final = 180_000
LATENCY_MS_MAX: Final = 40
_PER_MILLE: Final = 1000


class Server(Protocol):
    """Whoever answers at an address."""

    @property
    def is_up(self) -> bool:
        """Whether anything listens."""

    @property
    def server_name(self) -> str | None:
        """The name in its certificate; None for the host's own."""

    def answer(self, request: Request) -> Answer:
        """Its answer. Raises PowerCut where the power goes meanwhile."""

    def lose_power(self) -> None:
        """The program died while it answered."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How often, in a thousand requests, each thing happens to one."""

    lost: int = 0
    unanswered: int = 0
    late: int = 0
    twice: int = 0
    torn: int = 0
    cut_off: int = 0
    gateway: int = 0


FAIR: Final = Weather()


@dataclass(slots=True)
class _Late:
    due_ms: int
    number: int
    request: Request


@dataclass
class Network:
    """All lines. `alter` may change an answer on its way; None: as it came."""

    time: TrueTime
    trace: Trace
    weather: Weather = FAIR
    servers: dict[str, Server] = field(default_factory=dict)
    down: set[tuple[str, str]] = field(default_factory=set)
    alter: Callable[[Request, Answer], Answer] | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(0))
    faults: list[str] = field(default_factory=list)
    requests: int = 0
    _late: list[_Late] = field(default_factory=list)
    _numbers: int = 0

    def pool(self, source: str, address: str, server_name: str | None) -> WirePool:
        """The connections of one machine to one address."""
        return WirePool(self.send, source, address, server_name)

    def begin_step(self, dice: random.Random) -> None:
        """What happens to the requests of a step hangs on the step's own dice."""
        self.dice, self.requests = dice, 0

    def send(self, request: Request) -> Answer:
        """What the sender gets. Raises urllib3's errors where that is nothing."""
        self.requests += 1
        if self.requests > REQUESTS_PER_STEP_MAX:
            raise NeverEnds(f"more than {REQUESTS_PER_STEP_MAX} requests: {request.path}")
        server = self._reach(request)
        self.time.pass_ms(self.dice.randint(1, LATENCY_MS_MAX))
        answer = self._through_weather(server, request)
        if self.alter is not None:
            answer = self.alter(request, answer)
        return answer

    def deliver_late(self) -> None:
        """Bring what has been on its way for long enough; nobody waits for its answer."""
        due = [late for late in self._late if late.due_ms <= self.time.now_ms]
        self._late = [late for late in self._late if late.due_ms > self.time.now_ms]
        for late in sorted(due, key=lambda one: (one.due_ms, one.number)):
            server = self.servers.get(late.request.address)
            if server is None or not server.is_up:
                continue
            try:
                answer = server.answer(late.request)
            except PowerCut:
                server.lose_power()
            else:
                self._note(late.request, answer, "late")

    def _reach(self, request: Request) -> Server:
        server = self.servers.get(request.address)
        if server is None or not server.is_up or (request.source, request.address) in self.down:
            self.time.pass_ms(int(CONNECT_S_MAX * 1000))
            self._say(request, "nobody answers")
            raise NewConnectionError(None, "nobody answers")  # type: ignore[arg-type]  # no pool
        if request.server_name != server.server_name:
            self._say(request, "another certificate")
            raise SSLError("another certificate")
        return server

    def _through_weather(self, server: Server, request: Request) -> Answer:
        fate, weather = self.dice.randrange(_PER_MILLE), self.weather
        for share, meet in (
            (weather.lost, self._lose),
            (weather.unanswered, self._lose_answer),
            (weather.late, self._delay),
            (weather.twice, self._double),
            (weather.torn, self._tear),
            (weather.cut_off, self._cut_answer),
            (weather.gateway, self._answer_between),
        ):
            if fate < share:
                return meet(server, request)
            fate -= share
        return self._deliver(server, request, "")

    def _deliver(self, server: Server, request: Request, how: str) -> Answer:
        try:
            answer = server.answer(request)
        except PowerCut:
            server.lose_power()
            self._say(request, "the server loses its power")
            raise ProtocolError("connection reset") from None
        self._note(request, answer, how)
        return answer

    def _lose(self, _server: Server, request: Request) -> Answer:
        self._say(request, "lost")
        raise self._timeout(request)

    def _lose_answer(self, server: Server, request: Request) -> Answer:
        self._deliver(server, request, "unanswered")
        raise self._timeout(request)

    def _delay(self, _server: Server, request: Request) -> Answer:
        self._keep(request)
        self._say(request, "delayed")
        raise self._timeout(request)

    def _double(self, server: Server, request: Request) -> Answer:
        if self.dice.random() < 0.5:
            self._keep(request)
        else:
            self._deliver(server, request, "first of two")
        return self._deliver(server, request, "once more")

    def _tear(self, server: Server, request: Request) -> Answer:
        return self._deliver(server, request.with_body(torn(request.body, self.dice)), "torn")

    def _cut_answer(self, server: Server, request: Request) -> Answer:
        answer = self._deliver(server, request, "answer cut off")
        came = answer.body[: self.dice.randrange(len(answer.body) + 1)]
        return replace(answer, body=came, broken=True)

    def _answer_between(self, _server: Server, request: Request) -> Answer:
        status = self.dice.choice((429, 502, 503))
        self._say(request, f"{status} on the way")
        wait = {"Retry-After": str(self.dice.randint(1, 40))} if status != 502 else {}
        return Answer(status, wait, b"<html>busy</html>")

    def _keep(self, request: Request) -> None:
        self._numbers += 1
        due_ms = self.time.now_ms + self.dice.randint(1, LATE_MS_MAX)
        self._late.append(_Late(due_ms, self._numbers, request))

    def _timeout(self, request: Request) -> ReadTimeoutError:
        self.time.pass_ms(int(ANSWER_S_MAX * 1000))
        return ReadTimeoutError(None, request.target, "no answer in time")  # type: ignore[arg-type]

    def _note(self, request: Request, answer: Answer, how: str) -> None:
        self._say(request, " ".join(filter(None, (str(answer.status), how))))
        if answer.status == 500:
            self.faults.append(
                f"error: {request.address} answered 500 to {request.path} ({how or 'fair'})"
            )

    def _say(self, request: Request, what: str) -> None:
        self.trace.say(f"  {request.source} → {request.address}{request.path}: {what}")


def torn(body: bytes, dice: random.Random) -> bytes:
    """A body cut off, or with one bit turned."""
    if not body:
        return b"?"
    if dice.random() < 0.5:
        return body[: dice.randrange(len(body))]
    place = dice.randrange(len(body))
    return body[:place] + bytes((body[place] ^ (1 << dice.randrange(8)),)) + body[place + 1 :]
