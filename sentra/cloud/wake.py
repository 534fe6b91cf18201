"""Wakes through Redis: something moved, go and look. A lost one costs latency, never data.

Whoever publishes does so after its commit; whoever listens also looks by a timer of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final, Literal, cast

import structlog
from redis.client import PubSub
from redis.exceptions import RedisError

from sentra.cloud.redis_client import RedisClient

Kind = Literal["feed", "journal", "device", "exception", "import"]

HEARTBEAT_SECONDS: Final = 15.0
"""How long `listen` stays silent at most: proxies cut connections that say nothing."""

_PREFIX: Final = "sentra:wake"
_PAUSE_SECONDS_MAX: Final = 5
_random = SystemRandom()
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wake:
    """What moved: `feed` and a scope, or the others and a branch id; `detail` is small and JSON.

    `detail` of `feed`: revision. Of `journal`: terminal, epoch, seq.
    """

    kind: Kind
    scope: str
    detail: dict[str, Any]


def wake(client: RedisClient, kind: Kind, scope: str, **detail: object) -> bool:
    """Tell all listeners; False, and a line in the log, where Redis does not answer."""
    try:
        client.publish(_channel(kind, scope), json.dumps(detail))
    except RedisError as error:
        _log.warning("wake_lost", kind=kind, scope=scope, reason=str(error))
        return False
    return True


def feed_moved(client: RedisClient, scope: str, revision: int) -> bool:
    """After the commit of a `feed.publish`: routers and tills of the scope come for it."""
    return wake(client, "feed", scope, revision=revision)


def head_moved(
    client: RedisClient, branch_id: str, terminal_id: str, *, epoch: int, seq: int
) -> bool:
    """After the commit of journal entries: dashboards and watermark streams look again."""
    return wake(client, "journal", branch_id, terminal=terminal_id, epoch=epoch, seq=seq)


def listen(
    client: RedisClient,
    channels: list[tuple[Kind, str]],
    *,
    heartbeat_s: float = HEARTBEAT_SECONDS,
) -> Generator[Wake | None]:
    """Wakes of these (kind, scope) pairs as they come; scope `*` means every one.

    Yields None once it listens, then at each `heartbeat_s` of silence and after each break of
    the connection, when something may have been missed. It comes back by itself and never ends;
    closing the iterator unsubscribes.
    """
    breaks = 0
    while True:
        try:
            with closing(_subscription(client)) as subscription:
                subscription.psubscribe(*(_channel(kind, scope) for kind, scope in channels))
                for _ in channels:
                    subscription.get_message(timeout=heartbeat_s)
                breaks = 0
                yield None
                while True:
                    yield _parse(subscription.get_message(timeout=heartbeat_s))
        except RedisError as error:
            breaks += 1
            _log.warning("wake_stream_broken", reason=str(error), breaks=breaks)
        yield None
        time.sleep(_random.uniform(0, min(_PAUSE_SECONDS_MAX, 0.1 * 2**breaks)))


def _subscription(client: RedisClient) -> PubSub:
    subscription: PubSub = client.pubsub()  # type: ignore[no-untyped-call]  # redis-py: untyped
    return subscription


def _parse(message: dict[str, Any] | None) -> Wake | None:
    """The wake of a message; None for silence and for what is no wake of ours."""
    if message is None or message["type"] != "pmessage":
        return None
    try:
        channel, data = (
            part.decode() if isinstance(part, bytes) else part
            for part in (message["channel"], message["data"])
        )
        kind, _, scope = channel.removeprefix(f"{_PREFIX}:").partition(":")
        return Wake(cast(Kind, kind), scope, json.loads(data))
    except ValueError:
        return None


def _channel(kind: Kind, scope: str) -> str:
    return f"{_PREFIX}:{kind}:{scope}"
