"""What is special to a till: its daemon, its backlog, its ways to the router and the cloud."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sentra.examination import checks, network, words
from sentra.examination.device import silent
from sentra.examination.findings import Finding, gathered, ok
from sentra.i18n import say
from sentra.link.wire import parse_address
from sentra.protocol.messages import Hello
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, read_identity
from sentra.vault.state import SyncStatus, sync_status
from syncd.daemon.bootstrap import wall_clock
from syncd.daemon.operations.greet import Self, hello_of
from syncd.daemon.operations.ports import CLOUD
from syncd.daemon.outbound.lines import Lines
from syncd.daemon.outbound.shelf import VaultShelf

SILENT_MS: Final = 30_000
"""The daemon notes every four seconds that it lives."""


def examine_till(folder: Path) -> Sequence[Finding]:
    """The findings of one enrolled till."""
    vault = Vault.open(folder)
    try:
        with vault.reader() as db:
            identity, status = read_identity(db), sync_status(db)
            was_put_back = journal.was_put_back(db, folder)
        if identity is None:
            return []
        ways = _Ways(vault, identity)
        try:
            return [
                *_journal(was_put_back),
                *_daemon(status, folder),
                _backlog(vault),
                *ways.to_routers(),
                *ways.to_cloud(),
            ]
        finally:
            ways.close()
    finally:
        vault.close()


def _journal(was_put_back: bool) -> list[Finding]:
    if not was_put_back:
        return [ok("journal", say("the journal goes on where it last ended"))]
    return words.told("journal", "journal-behind")


def _daemon(status: SyncStatus, folder: Path) -> list[Finding]:
    age_ms = wall_clock() - status.updated_at_ms if status.updated_at_ms else None
    command = f"sentra syncd daemon --data {folder}"
    if age_ms is None or age_ms > SILENT_MS:
        return [silent(say("the daemon"), age_ms, command)]
    if status.notice:
        return words.told("program", status.notice)
    return [ok("program", say("the daemon runs"))]


def _backlog(vault: Vault) -> Finding:
    with vault.reader() as db:
        waiting = journal.backlog(db, CLOUD)
    oldest = waiting.oldest_at_ms
    return checks.backlog(waiting.count, None if oldest is None else wall_clock() - oldest)


class _Ways:
    """The till's ways out, asked as its daemon asks."""

    def __init__(self, vault: Vault, identity: Identity) -> None:
        self._identity = identity
        self._shelf = VaultShelf(vault, identity)
        self._lines = Lines(identity, wall_clock, os.urandom)

    def close(self) -> None:
        self._lines.close()

    def to_cloud(self) -> list[Finding]:
        place, anchors = self._identity.cloud_url, self._identity.anchors
        who = say("the cloud")
        return gathered(
            "cloud",
            [
                lambda: network.resolve(parse_address(place).host),
                lambda: network.tls(place, None, anchors, wall_clock),
                lambda: network.greet("cloud", self._lines.cloud(), who, self._hello, wall_clock),
            ],
        )

    def to_routers(self) -> list[Finding]:
        found: list[Finding] = []
        for device in self._shelf.routers():
            for place in device.addresses:
                found += self._to_router(place, f"{device.id}.router.sentra")
            for link in self._lines.routers([device]):
                who = say("router %(name)s", name=device.name)
                found += network.greet("router", link, who, self._hello, wall_clock)
        return found or [ok("router", say("this branch has no router: the till asks the cloud"))]

    def _to_router(self, place: str, server_name: str) -> list[Finding]:
        return gathered(
            "router",
            [
                lambda: network.resolve(parse_address(place).host),
                lambda: network.tls(place, server_name, self._identity.anchors, wall_clock),
            ],
        )

    def _hello(self) -> Hello:
        waiting = self._shelf.backlog(CLOUD)
        me = Self(version("sentra"), waiting.count, waiting.oldest_at_ms, 0, 0)
        return hello_of(self._shelf, me, wall_clock())
