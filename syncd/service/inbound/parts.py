"""What every request needs: the parts that `bootstrap` put together, and who is speaking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar, cast

import msgspec
from flask import Response, current_app, request

from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.instants import Clock
from sentra.protocol.errors import ProtocolError
from sentra.web.devices import KnownDevice, Nonces, verify_device
from syncd.service.outbound.known_devices import KnownDevices
from syncd.service.outbound.streams import Streams
from syncd.service.outbound.threads import Lane

EXTENSION: Final = "sentra-sync"

LARGE_BODY_BYTES: Final = 64 * 1024
"""From here on a body's digest is computed in a native thread: the hub has streams to serve."""

MESSAGE_BYTES_MAX: Final = 256 * 1024
"""A hello or an enrolment: a router with a hundred terminals says some 20 KiB."""

_Shape = TypeVar("_Shape")


class Malformed(ProtocolError):
    """A body or a parameter that no program of ours sends."""

    slug = "malformed"


@dataclass(frozen=True, slots=True)
class Parts:
    """The process's parts. `ingest` and `quick` are lanes to PostgreSQL."""

    ingest: Lane
    quick: Lane
    devices: KnownDevices
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


def speaker() -> KnownDevice:
    """The device that signed this request. Raises as `verify_device` does."""
    here = parts()
    large = (request.content_length or LARGE_BODY_BYTES) >= LARGE_BODY_BYTES
    if large and request.method == "POST":
        return verify_device(
            request, here.devices.find, here.nonces, here.clock(), run=here.quick.call
        )
    return verify_device(request, here.devices.find, here.nonces, here.clock())


def read_message(shape: type[_Shape]) -> _Shape:
    """The JSON body as a message. Raises Malformed."""
    try:
        return msgspec.json.decode(request.get_data(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is not what this request takes: {error}") from error


def write_message(message: object) -> Response:
    """A message as a JSON answer."""
    return Response(msgspec.json.encode(message), content_type="application/json")
