"""The whole way, every part real: till, daemon, router, sync service, PostgreSQL, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, text

from router_agent.verify import prove
from sentra.vault import journal, state
from tests.integration.sync.conftest import running_service
from tests.support.branch import a_router, enrolled, running_daemon
from tests.support.tills import sell

Until = Callable[..., None]
SECONDS_MAX = 30.0


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    with structlog.testing.capture_logs():
        yield


def test_a_sale_walks_over_the_router_and_the_clouds_word_walks_back(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path, until: Until
) -> None:
    with ExitStack() as held:
        service = held.enter_context(running_service(environment, "--tls"))
        # The router is enrolled before the till: it has to hear of it by itself.
        router, _ = a_router(tmp_path / "router", service.address, engine, branch)
        held.callback(router.stop)
        till, identity = enrolled(tmp_path / "till", "terminal", service.address, engine, branch)
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
