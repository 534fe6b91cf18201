"""Builds one router from its folder: the only place where its parts are put together."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from flask import Flask

from router_agent.config import RouterSettings
from router_agent.inbound.routes import Inbound
from router_agent.inbound.trunk_loop import TrunkLoop
from router_agent.outbound.schema import MIGRATIONS
from router_agent.status import install_status
from router_agent.status.frame import status_frame
from sentra.instants import Clock
from sentra.link.client import Link
from sentra.vault import lock
from sentra.vault.database import Vault
from sentra.vault.failures import VaultMissing
from sentra.vault.identity import Identity, read_identity
from sentra.web.devices import install_protocol_errors
from sentra.web.factory import create_app

ROOMS = {"router": MIGRATIONS}
"""The router's own tables in its vault."""


class Router:
    """A running router: its vault, its trunk, its two servers."""

    def __init__(self, settings: RouterSettings, clock: Clock, version: str) -> None:
        self.settings, self.clock, self.version = settings, clock, version
        self._open = ExitStack()
        self._open.enter_context(lock.hold(settings.folder, "router"))
        self.vault = Vault.open(settings.folder, ROOMS)
        self._open.callback(self.vault.close)
        self.identity = _identity(self.vault, settings.folder)
        self.stopping = threading.Event()
        self.trunk = TrunkLoop(self.vault, self.identity, self._link(), clock, version)
        self._servers: list[Server] = []

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
        """Serves tills and the page; returns (port for tills, port of the page)."""
        protocol = self._app(page_only=False)
        page = self._app(page_only=True)
        tls = self._server(self.settings.host, self.settings.port, protocol)
        tls.ssl_adapter = self._tls()
        plain = self._server("127.0.0.1", self.settings.page_port, page)
        ports = []
        for server in (tls, plain):
            server.prepare()
            ports.append(int(server.bind_addr[1]))
            threading.Thread(target=server.serve, daemon=True).start()
            self._servers.append(server)
        self.trunk.addresses = self.settings.advertised or (f"{_own_address()}:{ports[0]}",)
        self.trunk.start()
        return ports[0], ports[1]

    def _server(self, host: str, port: int, app: Flask) -> Server:
        return Server(
            (host, port), app, numthreads=self.settings.threads, timeout=60, shutdown_timeout=1
        )

    def _app(self, *, page_only: bool) -> Flask:
        app = create_app(
            "router_agent",
            secret_key=secrets.token_hex(32),
            https=not page_only,
            frame=lambda: status_frame(self),
            checks={"vault": self._check_vault},
            clock=self.clock,
        )
        install_status(app, self)
        if not page_only:
            install_protocol_errors(app, self.clock)
            Inbound(self).register(app)
        return app

    def _check_vault(self) -> None:
        with self.vault.reader() as db:
            db.execute("SELECT 1").fetchone()

    def _tls(self) -> BuiltinSSLAdapter:
        """The adapter reads files: the key is on disk for the moment of reading, mode 0600."""
        with tempfile.TemporaryDirectory(dir=self.settings.folder) as folder:
            certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
            key.touch(mode=0o600)
            key.write_text(self.identity.tls_key or "")
            certificate.write_text((self.identity.certificate or "") + self.identity.anchors)
            return BuiltinSSLAdapter(str(certificate), str(key))

    def stop(self) -> None:
        """Ends everything within about two seconds; what was answered is on disk."""
        self.stopping.set()
        self.trunk.stop()
        for server in self._servers:
            server.stop()
        if self.trunk.is_alive():
            self.trunk.join(timeout=2)
        self._open.close()


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
