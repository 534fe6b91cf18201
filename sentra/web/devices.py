"""The server end of signed requests: which device asks, with a true signature, for the first time.

Used by the sync service and by the router. Whoever serves passes in where its devices' keys are
and where nonces are remembered; a failed check is a `ProtocolError`, and
`install_protocol_errors` answers it as a problem, logs it once and counts it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, Request, Response, request
from flask_babel import gettext
from prometheus_client import Counter

from sentra.instants import Clock
from sentra.protocol import signing
from sentra.protocol.errors import NonceReplayed, ProtocolError
from sentra.web.errors import Problem, answer_problem

NONCE_TTL_MS: Final = 2 * signing.WINDOW_MS
"""A request's time may lie a window before or behind now: its nonce is remembered for both."""

NONCES_MAX: Final = 200_000
"""Nonces in memory, some 40 MB: twelve tills that ask ten times a second for ten minutes need
72,000. The oldest go first, and then only a replay of a very old request could pass."""

REFUSED: Final = Counter(
    "sentra_requests_refused_total",
    "Requests that were answered with a problem of the protocol",
    ("problem",),
)

_STATUS: Final = {
    "signature-wrong": 401,
    "clock-skew": 401,
    "device-unknown": 401,
    "nonce-replayed": 409,
    "device-revoked": 403,
    "scope-refused": 403,
    "code-refused": 403,
    "too-slow": 408,
    "snapshot-needed": 410,
    "snapshot-absent": 503,
    "cloud-unasked": 503,
    "cursor-beyond": 409,
    "range-wrong": 416,
    "order-taken": 409,
    "order-unknown": 404,
    "orders-full": 409,
    "sale-unknown": 404,
    "refund-claimed": 409,
    "claims-full": 409,
    "too-busy": 503,
    "unavailable": 503,
}
"""Problems that are not 400, the status of bytes that cannot be read."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class DeviceUnknown(ProtocolError):
    """No device with this id speaks here; at a router, the cloud may know it already."""

    slug = "device-unknown"
    retry = True


class DeviceRevoked(ProtocolError):
    """The device was revoked: its facts are still taken, it gets no decisions."""

    slug = "device-revoked"


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """An enrolled device. `role` is terminal or router."""

    device_id: str
    role: str
    branch_id: str
    public_key: Ed25519PublicKey
    revoked: bool = False


class Nonces(Protocol):
    """Remembers which nonces were seen."""

    def first_time(self, device: str, nonce: str, ttl_ms: int) -> bool:
        """Whether this device's nonce is new; it is remembered for `ttl_ms` from now."""
        ...


class MemoryNonces:
    """Nonces of one process, bounded by `NONCES_MAX`; safe to use from many threads."""

    def __init__(self, clock: Clock, *, most: int = NONCES_MAX) -> None:
        self._clock = clock
        self._most = most
        self._until_ms: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def first_time(self, device: str, nonce: str, ttl_ms: int) -> bool:
        """Whether this device's nonce is new; it is remembered for `ttl_ms` from now."""
        now_ms, key = self._clock(), (device, nonce)
        with self._lock:
            seen = self._until_ms.get(key, 0) > now_ms
            self._until_ms[key] = now_ms + ttl_ms
            self._until_ms.move_to_end(key)
            self._forget(now_ms)
        return not seen

    def _forget(self, now_ms: int) -> None:
        while self._until_ms:
            key, until_ms = next(iter(self._until_ms.items()))
            if until_ms > now_ms and len(self._until_ms) <= self._most:
                return
            del self._until_ms[key]


def target_of(asked: Request) -> str:
    """Path and query exactly as they were sent, which is what the device signed."""
    raw = asked.environ.get("RAW_URI") or asked.environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw.startswith("/"):
        return raw
    query = asked.query_string.decode("latin-1")
    return f"{asked.path}?{query}" if query else asked.path


def call_here(work: Callable[..., _T], *arguments: Any) -> _T:
    """Call it at once, in this thread."""
    return work(*arguments)


def verify_device(
    asked: Request,
    find_device: Callable[[str], KnownDevice | None],
    nonces: Nonces,
    now_ms: int,
    *,
    run: Callable[..., Any] = call_here,
) -> KnownDevice:
    """The device that signed this request.

    The device is looked up before the body is read, and the nonce is spent only by a true
    signature. `run` calls the check of body and signature, perhaps in another thread.

    Raises:
        SignatureWrong, DeviceUnknown, ClockSkewed, NonceReplayed: as they say.
    """
    signature = signing.parse(asked.headers.get(signing.HEADER))
    device = find_device(signature.device)
    if device is None:
        raise DeviceUnknown("no device with this identity is enrolled here")
    body, target = asked.get_data(), target_of(asked)
    run(signing.verify, signature, device.public_key, asked.method, target, body, now_ms)
    if not nonces.first_time(device.device_id, signature.nonce, NONCE_TTL_MS):
        raise NonceReplayed("this very request was seen before")
    return device


def plain_bytes(body: bytes) -> Response:
    """An answer whose bytes have no type of their own: nothing of them is for a browser."""
    response = Response(body)
    del response.headers["Content-Type"]
    return response


def install_protocol_errors(app: Flask, clock: Clock) -> None:
    """Answer every `ProtocolError` as problem+json; each is logged once and counted by its slug."""

    @app.errorhandler(ProtocolError)
    def refuse(error: ProtocolError) -> Response:
        return answer_problem(problem_of(error, clock()))

    @app.after_request
    def count(response: Response) -> Response:
        if response.mimetype == "application/problem+json":
            slug = _slug_of(response)
            REFUSED.labels(slug).inc()
            if response.status_code < 500:  # Above, the error page has logged it with its cause.
                path = request.path
                _log.warning("request refused", problem=slug, method=request.method, path=path)
        return response


def problem_of(error: ProtocolError, now_ms: int) -> Problem:
    """The problem that a protocol error is answered with; a skewed clock is told the time."""
    members: dict[str, object] = {"server_time_ms": now_ms} if error.slug == "clock-skew" else {}
    return Problem(
        error.slug,
        _STATUS.get(error.slug, 400),
        error.detail,
        title=gettext("The request was refused"),
        retry=error.retry,
        retry_after_s=getattr(error, "retry_after_s", None),
        members=members,
    )


def _slug_of(response: Response) -> str:
    answered = response.get_json(force=True, silent=True) or {}
    return str(answered.get("type", "")).rpartition(":")[2] or "unknown"
