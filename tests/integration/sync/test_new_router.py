"""A router dies and a new one takes its place, every part real: what goes there, and what comes
back through it to a till that was put back and reaches nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine

from router_agent.bootstrap import Router
from router_agent.outbound import backlog, bases, store
from router_agent.verify import prove
from sentra.protocol.entry import EMPTY
from sentra.vault import journal, state
from sentra.vault.database import Vault
from sentra.vault.epochs import restored
from sentra.vault.identity import write_identity
from tests.integration.sync.conftest import running_service
from tests.integration.sync.test_epochs import SECONDS_MAX, is_sent, kinds, receipts, reopened, sell
from tests.support.branch import a_router, enrolled, running_daemon, switched_on

Until = Callable[..., None]
NOWHERE = "https://127.0.0.1:1"


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    with structlog.testing.capture_logs():
        yield


def is_via(vault: Vault, name: str) -> bool:
    with vault.reader() as db:
        return state.sync_status(db).via == name


def is_at(router: Router, terminal: str, seq: int) -> bool:
    with router.vault.reader() as db:
        return store.head_of(db, terminal).seq == seq


def has_heard(router: Router, terminal: str, seq: int) -> bool:
    with router.vault.reader() as db:
        known = store.journal(db, terminal)
    return known is not None and known.cloud.seq == seq


def test_a_new_router_begins_at_the_clouds_head_and_gives_a_till_back_what_only_the_cloud_has(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path, until: Until
) -> None:
    folder, image = tmp_path / "till", tmp_path / "image"
    with ExitStack() as held:
        service = held.enter_context(running_service(environment, "--tls"))
        first, _ = a_router(tmp_path / "first", service.address, engine, branch)
        till, identity = enrolled(folder, "terminal", service.address, engine, branch)
        own = identity.device_id
        with running_daemon(folder):
            until(lambda: is_via(till, "router"), SECONDS_MAX)
            sell(till, identity, 1, 2, 3)
            until(lambda: is_sent(till), SECONDS_MAX)
            until(lambda: is_at(first, own, 3), SECONDS_MAX)

            # Its disk dies. The new one gets what is sold from now on.
            first.stop()
            until(lambda: is_via(till, "cloud"), SECONDS_MAX)
            second, port = a_router(tmp_path / "second", service.address, engine, branch)
            until(lambda: is_via(till, "router"), SECONDS_MAX)
            sell(till, identity, 4)
            until(lambda: is_sent(till) and is_at(second, own, 4), SECONDS_MAX)
            with second.vault.reader() as db:
                assert bases.base_of(db, own).seq == 3
        till.close()
        shutil.copytree(folder, image)

        # While it is off, the till sells on, straight to the cloud.
        second.stop()
        till = reopened(folder)
        with running_daemon(folder):
            sell(till, identity, 5, 6)
            until(lambda: is_sent(till), SECONDS_MAX)
        till.close()

        # An old copy of the till's disk is put back, head file and all; no line leads to the cloud.
        shutil.rmtree(folder)
        image.rename(folder)
        till = reopened(folder)
        with till.writer() as db:
            write_identity(db, replace(identity, cloud_url=NOWHERE))
        sell(till, identity, 7)
        second, _ = switched_on(tmp_path / "second", port)
        held.callback(second.stop)
        until(lambda: has_heard(second, own, 6), SECONDS_MAX)
        held.enter_context(running_daemon(folder))
        until(lambda: receipts(engine) == [1, 2, 3, 4, 5, 6, 7], SECONDS_MAX)
        until(lambda: is_sent(till) and is_via(till, "router"), SECONDS_MAX)
        with till.reader() as db:
            assert len(journal.entries(db, EMPTY, 100)) == 7
            assert journal.verify(db, identity) == []
            done, head = restored(db), journal.head(db)
        assert done is not None
        assert (done.fetched, done.again) == (2, 1)
        assert kinds(engine) == ["journal-restored"]

        def settled() -> bool:
            with second.vault.reader() as db:
                return store.head_of(db, own) == head and not backlog.waiting(db).total()

        until(settled, SECONDS_MAX)
        assert [proof.problems for proof in prove(tmp_path / "second")] == [()]
        till.close()
