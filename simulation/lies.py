"""What something at the routers says in their place: of the cloud's journals, and of the feeds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from sentra.protocol.answer import pack_answer, unpack_answer
from sentra.protocol.envelope import unpack
from sentra.protocol.feed import pack_page, unpack_page
from sentra.protocol.messages import HelloAnswer, Problem, Watermark, problem_type
from sentra.protocol.snapshot import HEADER, SNAPSHOT_NEEDED
from simulation.cloud import ADDRESS
from simulation.network import torn
from simulation.plan import Step
from simulation.wire import Answer, Request
from simulation.world import World

_LIES_MAX: Final = 12
_FEED_LIES_MAX: Final = 60
"""One snapshot takes several answers."""

_NOT_KEPT: Final = Answer(
    410,
    {"Content-Type": "application/problem+json"},
    msgspec.json.encode(Problem(type=problem_type(SNAPSHOT_NEEDED), title="", status=410)),
)

_Lie = Callable[[Request, Answer], Answer | None]
"""The answer in place of a true one; None: that one may pass."""


def liar(world: World, _step: Step, dice: random.Random) -> str:
    """For some answers, something at the routers claims that the cloud has everything."""

    def lie(request: Request, answer: Answer) -> Answer | None:
        body = _forged(request, answer.body, dice) if answer.status == 200 else None
        return None if body is None else replace(answer, body=body)

    return _tell(world, lie, dice, _LIES_MAX)


def feed_liar(world: World, _step: Step, dice: random.Random) -> str:
    """For some answers, something at the routers says that a feed goes on, ends early or is not
    kept, alters snapshots, shows earlier parts of them again, or calls them newer."""
    shown: list[Answer] = []

    def lie(request: Request, answer: Answer) -> Answer | None:
        if request.path == "/v1/hello" and answer.status == 200:
            return _further(answer, dice)
        if request.path == "/v1/feed" and answer.status == 200:
            return _NOT_KEPT if dice.random() < 0.5 else _cut_short(request, answer, dice)
        if request.path != "/v1/feed/snapshot" or answer.status not in (200, 206):
            return None
        shown.append(answer)
        return _altered(answer, dice.choice(shown), dice)

    return _tell(world, lie, dice, _FEED_LIES_MAX)


def _further(answer: Answer, dice: random.Random) -> Answer:
    """Whoever hears that the feeds go on asks for them."""
    hello = msgspec.json.decode(answer.body, type=HelloAnswer)
    feed = {scope: head + dice.randint(1, 9) for scope, head in hello.feed.items()}
    return replace(answer, body=msgspec.json.encode(msgspec.structs.replace(hello, feed=feed)))


def _cut_short(request: Request, answer: Answer, dice: random.Random) -> Answer:
    scope = request.target.partition("scope=")[2].partition("&")[0]
    _, revisions = unpack_page(scope, answer.body)
    some = revisions[: dice.randrange(len(revisions) + 1)]
    head = some[-1].revision if some else 0
    return replace(answer, body=pack_page(head, some))


def _altered(answer: Answer, earlier: Answer, dice: random.Random) -> Answer:
    """Another body, another note, or an answer to another question."""
    fate = dice.random()
    if fate < 0.4:
        return replace(answer, body=torn(answer.body, dice))
    if fate < 0.7:
        return earlier
    name = next(name for name in answer.headers if name.lower() == HEADER.lower())
    note = msgspec.json.decode(answer.headers[name])
    note["revision"] += dice.randint(1, 3)
    told = msgspec.json.encode(note).decode()
    return replace(answer, headers={**answer.headers, name: told})


def _tell(world: World, lie: _Lie, dice: random.Random, lies_max: int) -> str:
    left = dice.randint(1, lies_max)

    def alter(request: Request, answer: Answer) -> Answer:
        nonlocal left
        told = None if left <= 0 or request.address == ADDRESS else lie(request, answer)
        left -= told is not None
        return answer if told is None else told

    world.site.network.alter = alter
    return f"{left} answers"


def _forged(request: Request, body: bytes, dice: random.Random) -> bytes | None:
    """The answer with watermarks that the cloud never gave."""
    signature = dice.randbytes(64).hex()
    if request.path == "/v1/hello":
        hello = msgspec.json.decode(body, type=HelloAnswer)
        at_ms = hello.clock_ms + 3_600_000
        marks = {
            terminal: Watermark("cloud", terminal, head, at_ms, signature)
            for terminal, head in hello.here.items()
        }
        return msgspec.json.encode(msgspec.structs.replace(hello, cloud=marks))
    if request.path == "/v1/journal":
        sent = unpack(request.body)
        said = unpack_answer(body, sent)
        outcomes = tuple(
            msgspec.structs.replace(
                one, cloud=Watermark("cloud", one.terminal, one.here, 2**52, signature)
            )
            for one in said.outcomes
        )
        return pack_answer(msgspec.structs.replace(said, outcomes=outcomes), sent)
    return None
