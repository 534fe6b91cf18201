"""HTTPS connections: TLS pinned to the company's own authority, one pool for each address."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final

from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import Timeout, parse_url

from sentra.link.errors import AddressWrong

CONNECT_S_MAX: Final = 3.0
"""A dead router on the branch's network is noticed within this, and the cloud is used instead."""

ANSWER_S_MAX: Final = 20.0
"""A store answers a full envelope well within this; behind it the request is made again."""

CONNECTIONS_MAX: Final = 2
"""Kept open: one for requests, one for the stream of wake-ups."""

HTTPS_PORT: Final = 443

_NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`https://host[:port]` or `host:port`. Raises AddressWrong; nothing goes out unencrypted."""
    try:
        url = parse_url(text if "://" in text else f"https://{text}")
    except LocationParseError:
        raise AddressWrong(address=text) from None
    if url.scheme != "https" or not url.host:
        raise AddressWrong(address=text)
    return Address(url.host.strip("[]"), url.port or HTTPS_PORT)


def pinned_context(anchors: str) -> ssl.SSLContext:
    """TLS that believes the given authority (PEM) and no other.

    Names and signatures are checked, the certificate's dates are not: a till whose clock is wrong
    must still reach its router, and a lost key is revoked through the feed, never by a date.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=anchors)
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    return context


def unproved_context() -> ssl.SSLContext:
    """TLS with nobody's word for it: for the enrolment alone, which proves its answer itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Connection(HTTPSConnection):
    """Sends head and body of a request together: one TLS record and one packet for a live sale."""

    _waiting: list[bytes] | None = None

    def request(self, *arguments: Any, **named: Any) -> None:
        """As urllib3 does. Raises OSError and urllib3's errors."""
        waiting: list[bytes] = []
        self._waiting = waiting
        try:
            super().request(*arguments, **named)
        finally:
            self._waiting = None
        super().send(b"".join(waiting))

    def send(self, data: Any) -> None:
        """Keep what belongs to a request until all of it is there."""
        if self._waiting is None:
            super().send(data)
        else:
            self._waiting.append(data)


class _Pool(HTTPSConnectionPool):
    ConnectionCls = Connection


def open_pool(
    address: Address, context: ssl.SSLContext, server_name: str | None
) -> HTTPSConnectionPool:
    """Kept-alive connections without delays: small requests leave at once."""
    return _Pool(
        address.host,
        address.port,
        maxsize=CONNECTIONS_MAX,
        timeout=Timeout(connect=CONNECT_S_MAX, read=ANSWER_S_MAX),
        ssl_context=context,
        server_hostname=server_name,
        socket_options=[
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ],
    )
