"""The whole way, every part real: till, daemon, router, sync service, PostgreSQL, and back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, text

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from router_agent.verify import prove
from sentra.cloud import devices
from sentra.enrolment import enrol_device
from sentra.vault import journal, state
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from syncd.daemon.bootstrap import Daemon, wall_clock
from syncd.daemon.config import DaemonSettings
from tests.integration.sync.conftest import Service, running_service
from tests.support.tills import sell

Until = Callable[..., None]
SECONDS_MAX = 30.0


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    with structlog.testing.capture_logs():
        yield


def enrolled(
    folder: Path, role: str, service: Service, engine: Engine, branch: str
) -> tuple[Vault, Identity]:
    """A device enrolled over the wire with a one-time code, that finds the service of the test."""
    with engine.begin() as connection:
        made = devices.create_code(
            connection, branch_id=branch, role=role, name=None, now_ms=wall_clock()
        )
    identity = enrol_device(folder, service.address, made.code)
    identity = replace(identity, cloud_url=service.address)
    vault = Vault.open(folder)
    with vault.writer() as db:
        write_identity(db, identity)
    return vault, identity


@contextmanager
def running_daemon(folder: Path) -> Iterator[None]:
    daemon = Daemon(DaemonSettings((folder,), timer_ms=500), "test")
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        yield
    finally:
        daemon.stop()
        thread.join(5)


def test_a_sale_walks_over_the_router_and_the_clouds_word_walks_back(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path, until: Until
) -> None:
    with ExitStack() as held:
        service = held.enter_context(running_service(environment, "--tls"))
        # The router is enrolled before the till: it has to hear of it by itself.
        router_vault, _ = enrolled(tmp_path / "router", "router", service, engine, branch)
        router_vault.close()
        settings = RouterSettings(tmp_path / "router", host="127.0.0.1", port=0, page_port=0)
        router = Router(settings, wall_clock, "test")
        held.callback(router.stop)
        port, _ = router.start()
        router.trunk.addresses = (f"127.0.0.1:{port}",)
        router.trunk.try_now()
        till, identity = enrolled(tmp_path / "till", "terminal", service, engine, branch)
        held.callback(till.close)
        held.enter_context(running_daemon(till.folder))

        def via_router() -> bool:
            with till.reader() as db:
                return state.sync_status(db).via == "router"

        until(via_router, SECONDS_MAX)
        entries = sell(till, identity, 12)

        def acknowledged() -> bool:
            with till.reader() as db:
                marks = [journal.backlog(db, name).count for name in ("router", "cloud")]
            return marks == [0, 0]

        until(acknowledged, SECONDS_MAX)
        query = "SELECT seq, hash FROM journal_entry WHERE terminal_id = :id ORDER BY seq"
        with engine.connect() as connection:
            rows = connection.execute(text(query), {"id": identity.device_id}).all()
        assert [(seq, bytes(digest)) for seq, digest in rows] == [(e.seq, e.hash) for e in entries]
        (proof,) = prove(tmp_path / "router")
        assert (proof.tickets, proof.entries, proof.problems) == (12, 12, ())
        with till.reader() as db:
            assert journal.verify(db, identity) == []
