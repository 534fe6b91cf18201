"""What is special to a router: its program, its certificate, its tills, its way to the cloud."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography import x509

from router_agent.outbound import backlog, decisions, store
from router_agent.outbound.schema import ROOMS
from sentra.examination import checks, network
from sentra.examination.device import names_of, silent
from sentra.examination.findings import Finding, attention, bad, gathered, ok
from sentra.i18n import say
from sentra.link.client import Link
from sentra.link.wire import parse_address
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import PROTOCOLS, Hello
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity, read_identity

SILENT_MS: Final = 90_000
"""A router notes every half a minute that it lives."""

TILL_SILENT_MS: Final = 15 * 60_000
"""A till that is on speaks many times a minute."""


def now_ms() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


def examine_router(folder: Path) -> Sequence[Finding]:
    """The findings of one enrolled router."""
    vault = Vault.open(folder, ROOMS)
    try:
        with vault.reader() as db:
            identity = read_identity(db)
            if identity is None:
                return []
            found = [_program(db, folder), _backlog(db), *_tills(db)]
            hello = _hello(db, identity)
        return [*found, *_own_certificate(identity), *_to_cloud(identity, hello)]
    finally:
        vault.close()


def _program(db: Connection, folder: Path) -> Finding:
    last = db.execute("SELECT max(last_at_ms) FROM watch").fetchone()[0]
    age_ms = None if last is None else now_ms() - last
    if age_ms is None or age_ms > SILENT_MS:
        return silent(say("the router's program"), age_ms, f"sentra router --data {folder}")
    return ok("program", say("the router's program runs"))


def _backlog(db: Connection) -> Finding:
    oldest = backlog.oldest_at_ms(db)
    count = backlog.waiting(db).total()
    return checks.backlog(count, None if oldest is None else now_ms() - oldest)


def _tills(db: Connection) -> list[Finding]:
    """Which of the branch's tills speak, and whose clock is off."""
    heard = {
        row[0]: (row[1], row[2])
        for row in db.execute("SELECT terminal, last_heard_at_ms, skew_ms FROM heard")
    }
    tills = [one for one in decisions.devices(db) if one.role == "terminal" and not one.revoked]
    if not tills:
        return [ok("terminals", say("the branch has no till yet"))]
    silent_ones = [
        one.name
        for one in tills
        if one.id not in heard or now_ms() - heard[one.id][0] > TILL_SILENT_MS
    ]
    wrong = [
        one.name
        for one in tills
        if one.id in heard and abs(heard[one.id][1]) > checks.SKEW_MS_SHOWN
    ]
    found = []
    if silent_ones:
        told = say("not heard of lately: %(names)s", names=names_of(silent_ones))
        advice = say("Switched off tills are fine; for the others run sentra doctor there.")
        found.append(attention("terminals", told, advice))
    if wrong:
        told = say("their clocks differ by more than 2 minutes: %(names)s", names=names_of(wrong))
        found.append(attention("terminals", told, say("Run sentra doctor at these tills.")))
    count = len(tills)
    return found or [ok("terminals", say("all %(count)s tills speak", count=count))]


def _own_certificate(identity: Identity) -> list[Finding]:
    if not identity.certificate:
        told = say("this router has no certificate")
        return [bad("tls", told, say("Enrol the router anew."))]
    own = x509.load_pem_x509_certificate(identity.certificate.encode())
    return [network.certificate(own, say("this router"), now_ms)]


def _to_cloud(identity: Identity, hello: Hello) -> list[Finding]:
    place = identity.cloud_url

    def greet() -> Sequence[Finding]:
        link = Link(
            place,
            server_name=None,
            anchors=identity.anchors,
            device_id=identity.device_id,
            key=identity.private_key,
            clock=now_ms,
            random_bytes=os.urandom,
        )
        try:
            return network.greet("cloud", link, say("the cloud"), lambda: hello, now_ms)
        finally:
            link.close()

    return gathered(
        "cloud",
        [
            lambda: network.resolve(parse_address(place).host),
            lambda: network.tls(place, None, identity.anchors, now_ms),
            greet,
        ],
    )


def _hello(db: Connection, identity: Identity) -> Hello:
    """As the trunk says it, but without the tills' words, which only the running program has.

    The addresses are those that the cloud was told last: it would tell the tills others at once.
    """
    heads, waiting = store.heads(db), backlog.waiting(db)
    known = {one.id: one.addresses for one in decisions.devices(db)}
    scopes = (COMPANY, identity.branch_id)
    return Hello(
        software=version("sentra"),
        protocols=PROTOCOLS,
        clock_ms=now_ms(),
        heads=heads,
        timeline=identity.timeline,
        feed={scope: decisions.feed_cursor(db, scope) for scope in scopes},
        backlog=waiting.total(),
        oldest_waiting_ms=backlog.oldest_at_ms(db),
        addresses=known.get(identity.device_id, ()),
        waiting=dict.fromkeys(heads, 0) | waiting,
    )
