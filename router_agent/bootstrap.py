"""Builds one router from its folder: the only place where its parts are put together."""

from __future__ import annotations

import hmac
import os
import shutil
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import structlog
from flask import Flask

from router_agent import metrics
from router_agent.config import RouterSettings
from router_agent.inbound.ledger_reader import LedgerReader
from router_agent.inbound.routes import Inbound
from router_agent.inbound.server import ListeningServer, tls_context
from router_agent.inbound.streams import Streams
from router_agent.inbound.trunk_loop import TrunkLoop, TrunkParts
from router_agent.outbound import backlog
from router_agent.outbound.known_devices import KnownDevices
from router_agent.outbound.ledger import Ledger
from router_agent.outbound.orders import Orders
from router_agent.outbound.refund_claims import RefundClaims
from router_agent.outbound.roll_call import RollCall
from router_agent.outbound.schema import ROOMS
from router_agent.outbound.shelf import VaultShelf
from router_agent.outbound.waiting_sums import WaitingSums
from router_agent.parts import RouterParts
from router_agent.status import install_status
from router_agent.status.frame import status_frame
from sentra.instants import Clock
from sentra.link.client import Link
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX
from sentra.vault import lock
from sentra.vault.database import Vault
from sentra.vault.failures import VaultMissing
from sentra.vault.identity import Identity, read_identity
from sentra.web.devices import install_protocol_errors
from sentra.web.factory import create_app

PAGE_THREADS: Final = 3
"""The page on the machine itself has few readers: a technician, a probe, Prometheus."""

JOIN_S_MAX: Final = 1.0
"""For the trunk's present step at the end; what it sent is sent again at the next start."""

_log = structlog.get_logger(__name__)


def ticks() -> int:
    """Milliseconds of a clock that only goes forward."""
    return time.monotonic_ns() // 1_000_000


class Router(RouterParts):
    """A running router: its vault, its trunk, its two servers. Call `stop` also after a failed
    `start`."""

    def __init__(self, settings: RouterSettings, clock: Clock, version: str) -> None:
        """Raises AlreadyRunning, and what `Vault.open` raises."""
        self.settings, self.clock, self.version = settings, clock, version
        self._open = ExitStack()
        try:
            self._open.enter_context(lock.hold(settings.folder, "router"))
            self.vault = Vault.open(settings.folder, ROOMS)
            self._open.callback(self.vault.close)
            self.identity = _identity(self.vault, settings.folder)
            self._build()
        except BaseException:
            self._open.close()
            raise

    def _build(self) -> None:
        identity = self.identity
        self.devices = KnownDevices(self.vault, identity.branch_id)
        self.shelf = VaultShelf(self.vault, identity, decided=self.devices.renew)
        self.streams, self.sums = Streams(), WaitingSums()
        self.roll_call = RollCall(self.vault)
        self.orders = Orders(self.vault, ticks)
        self.ledger = Ledger(self.vault)
        self.refunds = RefundClaims(self.vault, ticks)
        self.reader = LedgerReader(self.ledger, self.name)
        self.trunk = TrunkLoop(
            TrunkParts(
                vault=self.vault,
                identity=identity,
                link=self._link(),
                shelf=self.shelf,
                streams=self.streams,
                sums=self.sums,
                roll_call=self.roll_call,
                clock=self.clock,
                ticks=ticks,
                version=self.version,
                keep_days=self.settings.keep_days,
            )
        )
        self._servers: list[ListeningServer] = []

    def _link(self) -> Link:
        identity = self.identity
        return Link(
            identity.cloud_url,
            server_name=None,
            anchors=identity.anchors,
            device_id=identity.device_id,
            key=identity.private_key,
            clock=self.clock,
            random_bytes=os.urandom,
        )

    def start(self) -> tuple[int, int]:
        """Serves tills and the page; returns (port for tills, port of the page).

        Raises PortTaken.
        """
        settings, identity = self.settings, self.identity
        context = tls_context(
            (identity.certificate or "") + identity.anchors, identity.tls_key or ""
        )
        tills = ListeningServer(
            settings.host, settings.port, self.app(tls=True),
            threads=settings.threads, context=context,
        )  # fmt: skip
        page = ListeningServer(
            "127.0.0.1", settings.page_port, self.app(tls=False),
            threads=PAGE_THREADS, context=None,
        )  # fmt: skip
        self._servers += [tills, page]
        self.streams.need_threads = tills.lend_threads
        port, page_port = tills.open(), page.open()
        self.trunk.addresses = settings.advertised or (f"{_own_address()}:{port}",)
        self.trunk.start()
        self.reader.start()
        self._watch()
        _log.info(
            "serving",
            router=self.name,
            branch=identity.branch_code,
            address=f"{settings.host}:{port}",
            page=f"http://127.0.0.1:{page_port}",
            told=self.trunk.addresses,
        )
        return port, page_port

    def app(self, *, tls: bool) -> Flask:
        """The page; where tills come in, the protocol too."""
        app = create_app(
            "router_agent",
            secret_key=self._secret("tills" if tls else "page"),
            https=tls,
            frame=lambda: status_frame(self),
            checks={"vault": self._check_vault, "trunk": self._check_trunk},
            clock=self.clock,
            body_size_max_bytes=ENVELOPE_BYTES_MAX,
        )
        install_status(app, self)
        if tls:
            install_protocol_errors(app, self.clock)
            Inbound(self).register(app)
        return app

    def _secret(self, purpose: str) -> str:
        """Signs cookies; the same after a restart, so that nobody has to sign in again."""
        own = self.identity.private_key.private_bytes_raw()
        return hmac.digest(own, f"sentra/router/{purpose}".encode(), "sha256").hex()

    def _check_vault(self) -> None:
        with self.vault.reader() as db:
            db.execute("SELECT 1").fetchone()

    def _check_trunk(self) -> None:
        if not self.trunk.is_alive():
            raise RuntimeError("the trunk's thread has ended")

    def _watch(self) -> None:
        metrics.watch(
            self.name,
            {
                "trunk_up": lambda: float(bool(self.trunk.state.reachable)),
                "waiting": lambda: float(self._waiting()),
                "oldest_age_s": self._oldest_age_s,
                "streams": lambda: float(self.streams.count),
                "disk_free": lambda: float(shutil.disk_usage(self.settings.folder).free),
            },
        )
        self._open.callback(metrics.forget, self.name)

    def _waiting(self) -> int:
        with self.vault.reader() as db:
            return backlog.waiting(db).total()

    def _oldest_age_s(self) -> float:
        with self.vault.reader() as db:
            oldest = backlog.oldest_at_ms(db)
        return 0.0 if oldest is None else max(0, self.clock() - oldest) / 1000

    def stop(self) -> None:
        """Ends everything within about two seconds; what was answered is on disk."""
        self.streams.stop()
        self.trunk.stop()
        self.reader.stop()
        endings = [threading.Thread(target=server.stop) for server in self._servers]
        for ending in endings:
            ending.start()
        for ending in endings:
            ending.join()
        if self.trunk.is_alive():
            self.trunk.join(timeout=JOIN_S_MAX)
        if self.reader.is_alive():
            self.reader.join(timeout=JOIN_S_MAX)
        if self.trunk.ident is not None:
            self.trunk.write_watch(self.clock())
        self._open.close()
        _log.info("stopped", router=self.name)


def _identity(vault: Vault, folder: Path) -> Identity:
    with vault.reader() as db:
        identity = read_identity(db)
    if identity is None or identity.role != "router":
        raise VaultMissing(folder=folder)
    return identity


def _own_address() -> str:
    """This machine's address on its network, found without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
