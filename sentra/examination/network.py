"""The way to another place: its name, its port, its certificate, its hello."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from sentra.examination import checks, words
from sentra.examination.findings import Finding, attention, bad, of_failure, ok
from sentra.i18n import say
from sentra.instants import Clock
from sentra.link.client import Link
from sentra.link.errors import LinkFailure
from sentra.link.wire import CONNECT_S_MAX, Address, parse_address, pinned_context
from sentra.protocol.messages import Hello

EXPIRES_DAYS_SHOWN: Final = 30
"""A certificate that ends sooner is said, so that there is time to renew it."""

_DAY_MS: Final = 24 * 60 * 60 * 1000


def resolve(host: str) -> list[Finding]:
    """Whether the name leads anywhere; nothing is said of an address, which needs no name."""
    try:
        ipaddress.ip_address(host)
        return []
    except ValueError:
        pass
    try:
        found = sorted({str(one[4][0]) for one in socket.getaddrinfo(host, None)})
    except OSError as error:
        told = say("%(host)s is not found: %(detail)s", host=host, detail=error)
        advice = say(
            "Check the network cable or Wi-Fi, then the name server of this machine; a phone's "
            "hotspot shows whether it is the branch's line."
        )
        return [bad("name", told, advice)]
    return [ok("name", f"{host} → {', '.join(found)}")]


def tls(place: str, server_name: str | None, anchors: str, clock: Clock) -> list[Finding]:
    """Whether the port answers with a certificate of the company's authority, and until when.

    `place` is `https://host` or `host:port`, `server_name` the name in the certificate where it is
    not the host's. Raises AddressWrong.
    """
    address = parse_address(place)
    context = pinned_context(anchors)
    try:
        with (
            socket.create_connection((address.host, address.port), CONNECT_S_MAX) as plain,
            context.wrap_socket(plain, server_hostname=server_name or address.host) as line,
        ):
            raw = line.getpeercert(binary_form=True)
    except ssl.SSLError as error:
        return [_untrusted(address, error)]
    except OSError as error:
        told = say("%(address)s does not answer: %(detail)s", address=address, detail=error)
        advice = say(
            "Check that it is switched on and runs, that the address is right, and that no "
            "firewall closes the port."
        )
        return [bad("tls", told, advice)]
    if raw is None:
        return []
    return [certificate(x509.load_der_x509_certificate(raw), str(address), clock)]


def _untrusted(address: Address, error: ssl.SSLError) -> Finding:
    told = say(
        "%(address)s shows a certificate that is not this company's: %(detail)s",
        address=address,
        detail=getattr(error, "verify_message", "") or error.reason or error,
    )
    advice = say(
        "Something stands in between (a proxy, a captive portal of the Wi-Fi), or the address "
        "belongs to another server. Nothing is sent until it is right."
    )
    return bad("tls", told, advice)


def certificate(found: x509.Certificate, whose: str, clock: Clock) -> Finding:
    """Until when a certificate holds."""
    ends_at_ms = int(found.not_valid_after_utc.timestamp() * 1000)
    day = datetime.fromtimestamp(ends_at_ms / 1000, UTC).date().isoformat()
    left_ms = ends_at_ms - clock()
    told = say("the certificate of %(whose)s holds until %(day)s", whose=whose, day=day)
    advice = say(
        "Renew it: at the proxy that shows it, or, for a router, by enrolling the router anew. "
        "Tills go on meanwhile: they check who signed it, not its dates."
    )
    if left_ms <= 0:
        return bad("tls", told, advice)
    if left_ms < EXPIRES_DAYS_SHOWN * _DAY_MS:
        return attention("tls", told, advice)
    return ok("tls", told)


def greet(
    check: str, link: Link, who: str, hello: Callable[[], Hello], clock: Clock
) -> list[Finding]:
    """Say hello: whether it is answered, both versions, and this clock against that one."""
    began_ms, said = clock(), hello()
    try:
        answer = link.hello(said)
    except LinkFailure as failure:
        return [of_failure(check, failure)]
    middle_ms = (began_ms + clock()) // 2
    return [
        checks.versions(check, said.software, answer.software, answer.protocol, who),
        checks.clock(middle_ms - answer.clock_ms, who),
        *(one for word in answer.notices for one in words.told(check, word)),
    ]
