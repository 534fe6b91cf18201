"""What every request needs: the parts that `bootstrap` put together, and who is speaking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import gevent
import msgspec
from flask import Response, current_app, request

from sentra.cloud.findings import Products
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.instants import Clock
from sentra.protocol.errors import ProtocolError
from sentra.web.devices import KnownDevice, Nonces, call_here, verify_device
from syncd.service.outbound.known_devices import KnownDevices
from syncd.service.outbound.streams import Streams
from syncd.service.outbound.threads import Lane

EXTENSION: Final = "sentra-sync"

LARGE_BODY_BYTES: Final = 64 * 1024
"""From here on a body's digest is computed in a native thread: the hub has streams to serve."""

MESSAGE_BYTES_MAX: Final = 256 * 1024
"""A hello or an enrolment: a router with a hundred terminals says some 20 KiB."""

_Shape = TypeVar("_Shape")


ARRIVE_S_MAX: Final = 60.0
"""How long a whole request may take to arrive: an envelope over a 2G line, and no longer."""


class TooSlow(ProtocolError):
    """The request's body did not come in time; nothing was changed."""

    slug = "too-slow"
    retry = True


class Malformed(ProtocolError):
    """A body or a parameter that no program of ours sends."""

    slug = "malformed"


@dataclass(frozen=True, slots=True)
class Parts:
    """The process's parts. `ingest` and `quick` are lanes to PostgreSQL."""

    ingest: Lane
    quick: Lane
    devices: KnownDevices
    products: Products
    nonces: Nonces
    streams: Streams
    redis: RedisClient
    keys: CompanyKeys
    clock: Clock
    cloud_url: str
    version: str


def parts() -> Parts:
    """The parts of the app at hand."""
    return cast(Parts, current_app.extensions[EXTENSION])


@contextmanager
def arriving() -> Iterator[None]:
    """While a body is read: raises TooSlow where it does not come."""
    with gevent.Timeout(ARRIVE_S_MAX, TooSlow(f"the body did not come within {ARRIVE_S_MAX:g} s")):
        yield


def speaker() -> KnownDevice:
    """The device that signed this request. Raises TooSlow, and as `verify_device` does."""
    here = parts()
    large = (request.content_length or LARGE_BODY_BYTES) >= LARGE_BODY_BYTES
    run = here.quick.call if large and request.method == "POST" else call_here
    with arriving():
        return verify_device(request, here.devices.find, here.nonces, here.clock(), run=run)


def read_message(shape: type[_Shape]) -> _Shape:
    """The JSON body as a message. Raises Malformed, TooSlow."""
    with arriving():
        body = request.get_data()
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is not what this request takes: {error}") from error


def write_message(message: object) -> Response:
    """A message as a JSON answer."""
    return Response(msgspec.json.encode(message), content_type="application/json")
