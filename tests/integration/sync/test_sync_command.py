"""`sentra sync`: heads, backlog and age by till and router; exceptions seen, retried, accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from router_agent.operations.take import take_parcels
from router_agent.outbound import store
from router_agent.outbound.schema import ROOMS
from sentra.command import sentra
from sentra.protocol.entry import EMPTY, head_of
from sentra.protocol.envelope import Parcel, pack
from sentra.protocol.messages import sign_watermark
from sentra.sync_status import JournalStatus, Mark, PlaceStatus
from sentra.vault import watermarks
from sentra.vault.database import Vault
from sentra.vault.entries import head
from sentra.vault.identity import write_identity
from tests.integration.sync.appending import LATER, upgraded
from tests.integration.sync.conftest import TestDevice
from tests.integration.sync.test_retry import a_body, write
from tests.present import NOW_MS
from tests.support.journals import Journal, an_id
from tests.support.tills import a_till, an_identity, sell


class Sync:
    """The command on a database."""

    def __init__(self, database_url: str) -> None:
        self.environment = {"SENTRA_DATABASE_URL": database_url, "SENTRA_KEY_STORE": "file"}

    def __call__(self, *words: str) -> Result:
        environment = {**self.environment, "SENTRA_LANGUAGE": "en", "COLUMNS": "200"}
        return CliRunner().invoke(sentra, ["sync", *words], env=environment)

    def json(self, *words: str) -> dict[str, Any]:
        done = self(*words, "--json")
        assert done.exit_code == 0, done.output
        told: dict[str, Any] = json.loads(done.output.splitlines()[-1])
        return told


@pytest.fixture
def sync(database_url: str) -> Sync:
    return Sync(database_url)


@pytest.fixture
def journal(terminal: TestDevice, router: TestDevice, engine: Engine) -> Journal:
    """Two sales and one fact of a later version; three more wait at the till."""
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    made.sell(2)
    write(made, *LATER, a_body(3))
    assert terminal.post("/v1/journal", pack([Parcel(made.sealed(1, 3))])).status_code == 200
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE device SET backlog = 3, oldest_waiting_ms = :at WHERE id = :id"),
            {"at": NOW_MS, "id": terminal.id},
        )
    return made


def test_the_cloud_says_heads_backlog_and_age_by_till_and_by_router(
    journal: Journal, sync: Sync, router: TestDevice
) -> None:
    told = sync.json("status", "--over", "0")
    assert (told["place"], told["waiting"]) == ("cloud", 3)
    (one,) = told["journals"]
    assert one["terminal"] == journal.terminal
    assert (one["held"]["seq"], one["held"]["hash"]) == (3, journal.head.hash.hex())
    assert (one["archived"]["seq"], one["proved"]["seq"], one["oldest_at_ms"]) == (0, 0, NOW_MS)
    assert [each["router"] for each in told["routers"]] == [router.id]
    table = sync("status", "--over", "0.01").output
    assert "1/3" in table and "Routers" in table
    assert sync.json("status", "--over", "0", "--branch", "nowhere")["journals"] == []


def test_a_till_says_the_same_of_its_own_journal(tmp_path: Path) -> None:
    vault, identity = a_till(tmp_path / "till")
    sell(vault, identity, 2)
    with vault.writer() as db:
        watermarks.set_watermark(db, "cloud", head(db), NOW_MS, None)
    sell(vault, identity, 3)
    vault.close()
    told = Sync("").json("status", "--data", str(tmp_path / "till"), "--over", "0")
    (one,) = told["journals"]
    assert (told["place"], one["held"]["seq"], one["cloud"]["seq"]) == ("till", 5, 2)
    assert (one["waiting"], one["router"]["seq"]) == (3, 0)
    assert one["oldest_at_ms"] is not None


def test_a_router_says_what_waits_there_for_each_till(tmp_path: Path) -> None:
    journal, identity = Journal(), an_identity(1, role="router", device_id=an_id(600_000))
    journal.sell(4)
    vault = Vault.create(tmp_path / "router", "router", ROOMS)
    parcels = [Parcel(journal.sealed(1, 2)), Parcel(journal.sealed(3, 4))]
    taken, _ = take_parcels(parcels, lambda _: journal.key.public_key(), lambda _: EMPTY)
    with vault.writer() as db:
        write_identity(db, identity)
        store.keep(db, taken, NOW_MS)
        archived = head_of(journal.entries[1])
        store.set_archived(
            db, sign_watermark(journal.key, "archived", journal.terminal, archived, NOW_MS)
        )
    vault.close()
    told = Sync("").json("status", "--data", str(tmp_path / "router"), "--over", "0")
    ((one,), (here,)) = (told["journals"], told["routers"])
    assert (told["place"], one["held"]["seq"], one["cloud"]["seq"]) == ("router", 4, 0)
    assert (one["waiting"], one["oldest_at_ms"]) == (4, NOW_MS)
    assert (one["archived"]["seq"], one["archived"]["hash"]) == (2, archived.hash.hex())
    assert (here["router"], here["waiting"]) == (identity.device_id, 4)


def test_a_rate_is_what_came_into_the_cloud_between_two_looks() -> None:
    def seen(at_ms: int, seq: int) -> PlaceStatus:
        mark = Mark(1, seq, "")
        return PlaceStatus("cloud", at_ms, [JournalStatus("B", "1", "t", mark, cloud=mark)])

    assert seen(NOW_MS + 30_000, 160).since(seen(NOW_MS, 100)).journals[0].per_minute == 120
    assert seen(NOW_MS, 5).since(seen(NOW_MS, 5)).journals[0].per_minute is None


def test_a_parked_fact_is_listed_shown_and_retried_after_an_upgrade(
    journal: Journal, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = sync.json("exceptions", "list")["exceptions"]
    assert (one["kind"], one["seq"]) == ("fact-unknown", 3)
    assert one["id"][-12:] in sync("exceptions", "list").output
    shown = sync("exceptions", "show", one["id"][-12:]).output
    assert "sale.completed 99" in shown and "Kopi" in shown
    refused = sync("exceptions", "retry", one["id"])
    assert refused.exit_code == 1
    assert "sale.completed schema 99" in refused.output
    upgraded(monkeypatch)
    assert sync("exceptions", "retry", "--all").output.endswith("Entries with rows now: 1.\n")
    assert sync.json("exceptions", "list")["exceptions"] == []
    assert sync("exceptions", "list").output == "Nothing needs a person.\n"


def test_accepting_needs_a_reason_happens_once_and_is_audited(
    journal: Journal, sync: Sync, engine: Engine
) -> None:
    (one,) = sync.json("exceptions", "list")["exceptions"]
    assert sync("exceptions", "accept", one["id"]).exit_code == 2
    assert "Write a few words" in str(
        sync("exceptions", "accept", one["id"], "--reason", " ").exception
    )
    assert sync("exceptions", "accept", one["id"], "--reason", "A test till").exit_code == 0
    again = sync("exceptions", "accept", one["id"], "--reason", "A test till")
    assert "was closed already" in str(again.exception)
    with engine.connect() as connection:
        trail = connection.execute(text("SELECT action, detail, user_name FROM audit_entry")).all()
    assert [(row.action, json.loads(row.detail)) for row in trail] == [
        ("exceptions.resolve", {"note": "A test till"})
    ]
    assert trail[0].user_name.startswith("sentra sync (")


def test_an_exception_that_is_none_or_about_no_fact_is_a_sentence(
    journal: Journal, sync: Sync, engine: Engine
) -> None:
    assert "There is no one exception" in str(sync("exceptions", "show", "0123456789ab").exception)
    assert "There is no one exception" in str(sync("exceptions", "show", "%").exception)
    with engine.begin() as connection:
        params = json.dumps({"product_id": an_id(1), "name": "Kopi", "quantity_milli": -1500})
        change = text("UPDATE exception SET kind = 'stock-negative', params = CAST(:p AS jsonb)")
        connection.execute(change, {"p": params})
    listed = sync("exceptions", "list").output
    assert "name Kopi" in listed and "quantity -1.5" in listed
    assert an_id(1) not in listed and "product_id" not in listed
    (one,) = sync.json("exceptions", "list")["exceptions"]
    assert "about no entry" in str(sync("exceptions", "retry", one["id"]).exception)
    assert sync("exceptions", "retry").exit_code == 2
