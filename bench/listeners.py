"""Holds many streams of wake-ups open: `python -m bench.listeners`, a process of its own.

It reads one `Order` as JSON from its input, says `open N` when all are open (or `refused` and
why), and when its input ends counts those that still are. One process may have 20,000 open files
here, and the service's ends need as many as these.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.link.wire import pinned_context
from sentra.protocol import signing

TARGET: Final = "/v1/stream"
AT_ONCE: Final = 16
ANSWER_S_MAX: Final = 60.0
SOURCES: Final = 8
"""Addresses of loopback to connect from: one has ports for 28,000."""

_HEAD_BYTES_MAX: Final = 4_096
_TOLD_CHARACTERS: Final = 300


class Listening(msgspec.Struct, frozen=True):
    """A device that may listen: its id, and its private key as hex."""

    device_id: str
    key: str


class Order(msgspec.Struct, frozen=True):
    """What to open, and where; the devices take turns."""

    host: str
    port: int
    anchors: str
    count: int
    devices: tuple[Listening, ...]


class Refused(RuntimeError):
    """The service did not open a stream; the text is what it said."""


def main() -> None:
    """Open, say so, wait for the end of the input, count."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    keys = [
        (one.device_id, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(one.key)))
        for one in order.devices
    ]
    context = pinned_context(order.anchors)

    def listen(number: int) -> ssl.SSLSocket:
        device, key = keys[number % len(keys)]
        return _open(order, context, device, key, f"127.0.0.{2 + number % SOURCES}")

    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            held = list(threads.map(listen, range(order.count)))
    except (Refused, OSError) as error:
        print(f"refused {str(error)[-_TOLD_CHARACTERS:]!r}", flush=True)
        sys.exit(1)
    print(f"open {len(held)}", flush=True)
    sys.stdin.buffer.read()
    print(f"held {_alive(held)}", flush=True)


def _open(
    order: Order, context: ssl.SSLContext, device: str, key: Ed25519PrivateKey, source: str
) -> ssl.SSLSocket:
    """A stream that has said its first words. Raises Refused, OSError."""
    plain = socket.create_connection(
        (order.host, order.port), timeout=ANSWER_S_MAX, source_address=(source, 0)
    )
    line = context.wrap_socket(plain, server_hostname=order.host)
    now_ms = time.time_ns() // 1_000_000
    nonce = os.urandom(signing.NONCE_BYTES)
    mark = signing.sign(key, device, "GET", TARGET, b"", now_ms, nonce)
    line.sendall(
        f"GET {TARGET} HTTP/1.1\r\nHost: {order.host}\r\n{signing.HEADER}: {mark}\r\n\r\n".encode()
    )
    answer = b""
    while b": open" not in answer:
        piece = line.recv(_HEAD_BYTES_MAX)
        answer += piece
        if not piece or len(answer) > _HEAD_BYTES_MAX or not answer.startswith(b"HTTP/1.1 200"):
            raise Refused(answer.decode(errors="replace"))
    return line


def _alive(held: Sequence[ssl.SSLSocket]) -> int:
    """How many were not ended from the other side."""
    watch = select.poll()
    for line in held:
        watch.register(line, select.POLLIN | select.POLLHUP)
    ready = {number for number, _ in watch.poll(0)}
    return sum(line.fileno() not in ready or _says_more(line) for line in held)


def _says_more(line: ssl.SSLSocket) -> bool:
    with contextlib.suppress(OSError):
        return bool(line.recv(_HEAD_BYTES_MAX))
    return False


if __name__ == "__main__":
    main()
