"""The daemon and the real sync service: from a typed code to rows in PostgreSQL and back down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from sentra.cloud import feed
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.cloud.wake import feed_moved
from sentra.enrolment import enrol_device
from sentra.events import Category
from sentra.link.errors import EnrolmentRefused
from sentra.protocol.bodies import encode_decision
from sentra.protocol.feed import COMPANY, FeedItem
from sentra.vault import catalogue, journal, state
from sentra.vault.database import Vault
from sentra.vault.failures import VaultExists
from sentra.vault.identity import Identity, read_identity, write_identity
from syncd.cli import enrol
from syncd.daemon.bootstrap import wall_clock
from tests.integration.sync.conftest import running_service
from tests.support.branch import a_code, enrolled, running_daemon
from tests.support.tills import sell

DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")


def until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline, f"never came: {what}"
        threading.Event().wait(0.05)


def at_cloud(engine: Engine, identity: Identity) -> list[tuple[int, bytes]]:
    """(seq, hash) of the terminal's entries in PostgreSQL."""
    query = "SELECT seq, hash FROM journal_entry WHERE terminal_id = :id ORDER BY seq"
    with engine.connect() as connection:
        rows = connection.execute(text(query), {"id": identity.device_id})
        return [(seq, bytes(digest)) for seq, digest in rows]


def test_a_sale_walks_from_an_enrolled_till_into_the_clouds_journal(
    environment: dict[str, str],
    engine: Engine,
    company_keys: CompanyKeys,
    branch: str,
    tmp_path: Path,
) -> None:
    with running_service(environment, "--tls") as service:
        vault, identity = enrolled(tmp_path / "till", "terminal", service.address, engine, branch)
        assert identity.branch_code == "SGT"
        entries = sell(vault, identity, 5)
        with running_daemon(vault.folder, timer_ms=1_000):
            until(lambda: len(at_cloud(engine, identity)) == 5, "the sales in PostgreSQL")
            entries += sell(vault, identity, 2)
            until(lambda: len(at_cloud(engine, identity)) == 7, "the live sales")

            def acknowledged() -> bool:
                with vault.reader() as db:
                    return journal.backlog(db, "cloud").count == 0

            until(acknowledged, "the cloud's signed word")
    assert at_cloud(engine, identity) == [(entry.seq, entry.hash) for entry in entries]
    with vault.reader() as db:
        assert journal.verify(db, identity) == []
        assert state.sync_status(db).via in ("cloud", None)
    vault.close()


def test_a_decision_of_the_back_office_reaches_the_till(
    environment: dict[str, str],
    engine: Engine,
    branch: str,
    company_keys: CompanyKeys,
    redis_client: RedisClient,
    tmp_path: Path,
) -> None:
    with engine.begin() as connection:
        # The company's is so old that only its snapshot is left, once somebody asks for it.
        connection.execute(text("DELETE FROM feed_revision WHERE scope = 'company'"))
    with running_service(environment, "--tls") as service:
        vault, _ = enrolled(tmp_path / "till", "terminal", service.address, engine, branch)
        with running_daemon(vault.folder, timer_ms=1_000):

            def first_feed() -> bool:
                with vault.reader() as db:
                    return all(catalogue.cursor(db, scope) for scope in (COMPANY, branch))

            until(first_feed, "the first feeds")
            with vault.reader() as db:
                assert catalogue.branch(db).code == "SGT"
                assert catalogue.company(db).currency == "IDR"
            category = Category("01980000-0000-7000-8000-000000000001", "Minuman")
            item = FeedItem("category", category.id, encode_decision(category))
            with engine.begin() as connection:
                key = company_keys.signing_key
                head = feed.publish(
                    connection, COMPANY, [item], signing_key=key, now_ms=wall_clock()
                )
            feed_moved(redis_client, COMPANY, head)

            def arrived() -> bool:
                with vault.reader() as db:
                    return category in catalogue.categories(db)

            until(arrived, "the new category")
        vault.close()


def test_what_was_sold_while_the_service_was_away_arrives_once(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path
) -> None:
    with running_service(environment, "--tls") as service:
        vault, identity = enrolled(tmp_path / "till", "terminal", service.address, engine, branch)
    with running_daemon(vault.folder, timer_ms=1_000):
        entries = sell(vault, identity, 30)

        def noticed() -> bool:
            with vault.reader() as db:
                return state.sync_status(db).cloud.reachable is False

        until(noticed, "the notice that the cloud is away")
    with running_service(environment, "--tls") as service:
        with vault.writer() as db:
            present = read_identity(db)
            assert present is not None
            write_identity(db, replace(present, cloud_url=service.address))
        with running_daemon(vault.folder, timer_ms=1_000):
            until(lambda: len(at_cloud(engine, identity)) == 30, "the backlog")
    assert at_cloud(engine, identity) == [(entry.seq, entry.hash) for entry in entries]
    vault.close()


def test_a_code_that_is_wrong_used_or_expired_is_refused_and_makes_no_vault(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path
) -> None:
    used, expired = (
        a_code(engine, branch),
        a_code(engine, branch, now_ms=wall_clock() - 24 * 3600 * 1000),
    )
    with running_service(environment, "--tls") as service:
        enrol_device(tmp_path / "first", service.address, used)
        for name, code in (("used", used), ("expired", expired), ("wrong", "0000-0000-0000")):
            with pytest.raises(EnrolmentRefused):
                enrol_device(tmp_path / name, service.address, code)
            assert not (tmp_path / name / "vault.db").exists()
        with pytest.raises(VaultExists):
            enrol_device(tmp_path / "first", service.address, a_code(engine, branch))


def test_the_command_enrols_a_router_with_its_certificate(
    environment: dict[str, str], engine: Engine, branch: str, tmp_path: Path
) -> None:
    folder = tmp_path / "router"
    with running_service(environment, "--tls") as service:
        arguments = ["--data", str(folder), "--cloud", service.address]
        arguments += ["--code", a_code(engine, branch, "router"), "--address", "10.0.0.2:8443"]
        result = CliRunner().invoke(enrol, arguments)
    assert result.exit_code == 0, result.output
    vault = Vault.open(folder)
    with vault.reader() as db:
        identity = read_identity(db)
    vault.close()
    assert identity is not None
    assert identity.role == "router"
    assert "BEGIN CERTIFICATE" in (identity.certificate or "")
    assert "PRIVATE KEY" in (identity.tls_key or "")
