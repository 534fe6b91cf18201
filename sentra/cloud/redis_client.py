"""Redis, single or a cluster, from a URL. It holds nothing that may not be lost."""

from __future__ import annotations

from typing import Final

from redis import Redis, RedisCluster
from redis.backoff import FullJitterBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from sentra.failures import Failure

START_SECONDS_MAX: Final = 30
_CONNECT_SECONDS_MAX: Final = 3
_ANSWER_SECONDS_MAX: Final = 10
_HEALTH_CHECK_SECONDS: Final = 30
_RETRIES_MAX: Final = 3
_CLUSTER_SCHEMES: Final = {"redis+cluster://": "redis://", "rediss+cluster://": "rediss://"}

RedisClient = Redis | RedisCluster


class RedisUnavailable(Failure):
    """Redis does not answer at start."""

    code = "redis-unavailable"
    sentence = (
        "Redis did not answer within %(seconds)s seconds: %(reason)s. Check that it runs and that "
        "SENTRA_REDIS_URL is right, then start again."
    )
    retry = True


class RedisUrlWrong(Failure):
    """The URL is not one of Redis."""

    code = "redis-url"
    sentence = (
        "SENTRA_REDIS_URL is not the address of a Redis. It looks like redis://host:6379/0, "
        "redis+cluster://host:6379 or unix:///path/redis.sock."
    )


def connect_redis(url: str, *, decode: bool = False) -> RedisClient:
    """A client for `redis://`, `rediss://`, `unix://` or `redis+cluster://`; it connects later.

    `decode` gives text instead of bytes. Raises `RedisUrlWrong`.
    """
    retry = Retry(FullJitterBackoff(), _RETRIES_MAX)
    timeouts = {
        "socket_connect_timeout": _CONNECT_SECONDS_MAX,
        "socket_timeout": _ANSWER_SECONDS_MAX,
        "health_check_interval": _HEALTH_CHECK_SECONDS,
    }
    try:
        for scheme, plain in _CLUSTER_SCHEMES.items():
            if url.startswith(scheme):
                node = plain + url.removeprefix(scheme)
                return RedisCluster.from_url(node, decode_responses=decode, **timeouts)
        return Redis.from_url(url, decode_responses=decode, retry=retry, **timeouts)
    except ValueError as error:
        raise RedisUrlWrong from error


def wait_for_redis(client: RedisClient, *, seconds_max: float = START_SECONDS_MAX) -> None:
    """Return when Redis answers; raises `RedisUnavailable` after `seconds_max`."""
    attempts = Retrying(
        retry=retry_if_exception_type(RedisError),
        wait=wait_random_exponential(multiplier=0.1, max=3),
        stop=stop_after_delay(seconds_max),
        reraise=True,
    )
    try:
        attempts(client.ping)
    except RedisError as error:
        raise RedisUnavailable(seconds=f"{seconds_max:g}", reason=error) from error
