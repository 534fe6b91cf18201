"""Which signed requests were seen: in Redis, so that all pods know; in memory while it is away."""

from __future__ import annotations

from typing import Final

import structlog
from redis.exceptions import RedisError

from sentra.cloud.redis_client import RedisClient
from sentra.instants import Clock
from sentra.web.devices import MemoryNonces

_PREFIX: Final = "sentra:nonce"
_log = structlog.get_logger(__name__)


class RedisNonces:
    """`sentra.web.devices.Nonces` on Redis.

    Without Redis each process remembers by itself: a replay at another pod is then taken, and does
    nothing, because every request of a device may be repeated without effect.
    """

    def __init__(self, client: RedisClient, clock: Clock) -> None:
        self._client = client
        self._memory = MemoryNonces(clock)

    def first_time(self, device: str, nonce: str, ttl_ms: int) -> bool:
        """Whether this device's nonce is new; it is remembered for `ttl_ms` from now."""
        new_here = self._memory.first_time(device, nonce, ttl_ms)
        try:
            new = self._client.set(f"{_PREFIX}:{device}:{nonce}", b"", nx=True, px=ttl_ms)
        except RedisError as error:
            _log.warning("nonces in memory only", reason=str(error))
            return new_here
        return new_here and bool(new)
