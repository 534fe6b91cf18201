"""A branch whose programs run in this process, with devices that enrolled over the wire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from sentra.cloud import devices
from sentra.enrolment import enrol_device
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from syncd.daemon.bootstrap import Daemon, wall_clock
from syncd.daemon.config import DaemonSettings


def a_code(engine: Engine, branch: str, role: str = "terminal", now_ms: int | None = None) -> str:
    """A one-time code, made in the back office now or at another time."""
    with engine.begin() as connection:
        made = devices.create_code(
            connection,
            branch_id=branch,
            role=role,
            name=None,
            now_ms=wall_clock() if now_ms is None else now_ms,
        )
    return made.code


def enrolled(
    folder: Path, role: str, address: str, engine: Engine, branch: str
) -> tuple[Vault, Identity]:
    """A device enrolled at the service's address, where it goes on finding it."""
    identity = enrol_device(folder, address, a_code(engine, branch, role))
    identity = replace(identity, cloud_url=address)
    vault = Vault.open(folder)
    with vault.writer() as db:
        write_identity(db, identity)
    return vault, identity


def a_router(folder: Path, address: str, engine: Engine, branch: str) -> tuple[Router, int]:
    """A new router, switched on, and its port."""
    vault, _ = enrolled(folder, "router", address, engine, branch)
    vault.close()
    return switched_on(folder)


def switched_on(folder: Path, port: int = 0) -> tuple[Router, int]:
    """The router of a folder, and the port at which tills find it."""
    settings = RouterSettings(folder, host="127.0.0.1", port=port, page_port=0)
    router = Router(settings, wall_clock, "test")
    port, _ = router.start()
    router.trunk.addresses = (f"127.0.0.1:{port}",)
    router.trunk.try_now()
    return router, port


@contextmanager
def running_daemon(folder: Path, timer_ms: int = 500) -> Iterator[None]:
    """The daemon of a till's folder, for the length of the block."""
    daemon = Daemon(DaemonSettings((folder,), timer_ms=timer_ms), "test")
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        yield
    finally:
        daemon.stop()
        thread.join(5)
    assert not thread.is_alive()
