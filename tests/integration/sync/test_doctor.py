"""`sentra doctor`: each place says of itself what is well, what is not, and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from router_agent.outbound.schema import ROOMS
from sentra.cloud.archive import lag, source
from sentra.command import sentra
from sentra.examination import checks
from sentra.protocol.entry import head_of
from sentra.protocol.envelope import Parcel, pack
from sentra.vault import journal, state
from sentra.vault.connect import RESERVE_BYTES
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from syncd.daemon.bootstrap import wall_clock
from tests.integration.sync.conftest import TestDevice
from tests.support.courier import tell_router, tell_till
from tests.support.fake_cloud import ROUTER_KEY, FakeCloud, a_router
from tests.support.journals import Journal
from tests.support.tills import a_till, an_identity, sell


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    for name in ("SENTRA_DATA_DIR", "SENTRA_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[FakeCloud]:
    with FakeCloud(tmp_path / "cloud") as made:
        yield made


@pytest.fixture
def till(tmp_path: Path, cloud: FakeCloud) -> Iterator[Vault]:
    """A till whose daemon has just said that it lives, and whose cloud answers."""
    vault, _ = a_till(
        tmp_path / "till",
        private_key=ROUTER_KEY,
        cloud_url=f"https://{cloud.address}",
        anchors=cloud.authority.anchors,
    )
    with vault.writer() as db:
        state.put_sync_status(db, state.SyncStatus(updated_at_ms=wall_clock()))
    yield vault
    vault.close()


def run(*words: object) -> Result:
    result = CliRunner().invoke(sentra, ["--language", "en", "doctor", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def examine(*words: object) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """(status, findings by check) of one place."""
    result = run(*words, "--json")
    (place,) = json.loads(result.stdout.splitlines()[-1])["places"]
    found: dict[str, list[dict[str, Any]]] = {}
    for one in place["findings"]:
        found.setdefault(one["check"], []).append(one)
    return result.exit_code, found


def states(found: dict[str, list[dict[str, Any]]], check: str) -> set[str]:
    return {one["state"] for one in found[check]}


def test_a_till_that_is_well_says_so_line_by_line(till: Vault) -> None:
    status, found = examine("--data", till.folder)
    unwell = [one for each in found.values() for one in each if one["state"] == "bad"]
    assert (status, unwell) == (0, [])
    for check in ("software", "disk", "keys", "database", "journal", "program", "backlog", "clock"):
        assert check in found
    assert "holds until" in found["tls"][0]["told"]
    assert "speak protocol 1" in found["cloud"][0]["told"]
    assert "Check" in run("--data", till.folder).output


def test_a_till_whose_cloud_is_away_is_told_where_it_fails(till: Vault, cloud: FakeCloud) -> None:
    cloud.down = True
    status, found = examine("--data", till.folder)
    assert status == 1
    assert states(found, "cloud") == {"bad"}
    assert states(found, "tls") == {"ok"}, "the port answers, what is behind it does not"


def test_a_cloud_that_is_not_the_companys_is_not_believed(
    till: Vault, cloud: FakeCloud, tmp_path: Path
) -> None:
    with FakeCloud(tmp_path / "impostor") as impostor:
        identity = an_identity(
            private_key=ROUTER_KEY,
            cloud_url=f"https://{impostor.address}",
            anchors=cloud.authority.anchors,
        )
        change_identity(till, identity)
        _, found = examine("--data", till.folder)
    assert states(found, "tls") == {"bad"}
    assert "not this company's" in found["tls"][0]["told"]
    assert found["tls"][0]["advice"]


def change_identity(vault: Vault, identity: Identity) -> None:
    with vault.writer() as db:
        write_identity(db, identity)


def test_a_name_that_leads_nowhere_is_named(till: Vault, cloud: FakeCloud) -> None:
    anchors = cloud.authority.anchors
    change_identity(till, an_identity(cloud_url="https://cloud.invalid", anchors=anchors))
    status, found = examine("--data", till.folder)
    assert (status, states(found, "name")) == (1, {"bad"})
    assert "cloud.invalid" in found["name"][0]["told"]


def test_what_waits_too_long_and_a_silent_daemon_are_found(till: Vault) -> None:
    sell(till, an_identity(private_key=ROUTER_KEY), 3)
    with till.writer() as db:
        state.put_sync_status(db, state.SyncStatus(updated_at_ms=wall_clock() - 120_000))
        stored_at_ms = wall_clock() - 4 * 24 * 3_600_000
        db.execute("UPDATE journal_entry SET stored_at_ms = ?", (stored_at_ms,))
    _, found = examine("--data", till.folder)
    assert states(found, "backlog") == {"bad"}
    assert "3 entries wait for the cloud, the oldest for 4 d" in found["backlog"][0]["told"]
    assert "courier pack" in found["backlog"][0]["advice"]
    assert "silent for 2 min" in found["program"][0]["told"]


def test_a_vault_that_was_put_back_is_found(till: Vault) -> None:
    identity = an_identity(private_key=ROUTER_KEY)
    copy = till.folder.with_name("copy")
    sell(till, identity, 1)
    with till.reader() as db:
        db.execute("SELECT 1")
    till.close()
    shutil.copytree(till.folder, copy)
    again = Vault.open(till.folder)
    entries = sell(again, identity, 1)
    again.close()
    journal.write_head_file(copy, head_of(entries[-1]))
    _, found = examine("--data", copy)
    assert states(found, "journal") == {"bad"}


def test_keys_that_others_may_read_and_damage_are_found(till: Vault) -> None:
    (till.folder / "vault.key").chmod(0o644)
    status, found = examine("--data", till.folder)
    assert (status, states(found, "keys")) == (1, {"bad"})
    assert "chmod 600" in found["keys"][0]["advice"]

    till.close()
    database = till.folder / "vault.db"
    content = bytearray(database.read_bytes())
    content[5_000:5_100] = bytes(100)
    database.write_bytes(content)
    status, found = examine("--data", till.folder)
    assert (status, states(found, "database")) == (1, {"bad"})
    assert "disk" in found, "the other checks were made all the same"


def test_a_folder_of_nobody_is_told_apart(tmp_path: Path) -> None:
    status, found = examine("--data", tmp_path / "nowhere")
    assert (status, states(found, "settings")) == (1, {"bad"})
    assert run().exit_code == 2


def test_a_router_names_its_tills_and_its_own_certificate(cloud: FakeCloud, tmp_path: Path) -> None:
    folder = tmp_path / "router"
    identity = a_router(folder, cloud)
    Vault.open(folder, ROOMS).close()
    _, found = examine("--data", folder)
    assert states(found, "program") == {"bad"}
    assert states(found, "cloud") == {"ok"}
    assert {one["told"].split(" holds")[0] for one in found["tls"]} == {
        "the certificate of this router",
        f"the certificate of {cloud.address}",
    }
    tell_router(folder, an_identity(3), identity)
    _, found = examine("--data", folder)
    assert "not heard of lately: 3" in found["terminals"][0]["told"]


def test_looking_at_a_router_takes_no_address_from_it(cloud: FakeCloud, tmp_path: Path) -> None:
    folder = tmp_path / "router"
    identity = a_router(folder, cloud)
    tell_router(folder, identity, addresses=("10.0.0.7:8443",))
    examine("--data", folder)
    assert cloud.hellos[-1].addresses == ("10.0.0.7:8443",), "or its tills would lose it"


def test_a_till_looks_at_each_address_of_its_router(till: Vault) -> None:
    router = an_identity(9, role="router")
    tell_till(till, router, addresses=("127.0.0.1:1",))
    _, found = examine("--data", till.folder)
    assert "127.0.0.1:1 does not answer" in found["tls"][0]["told"]
    assert "bad" in states(found, "router")


@pytest.fixture
def cloud_environment(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    values = {**environment, "SENTRA_OBJECT_DIR": str(tmp_path / "objects")}
    del values["SENTRA_SYNC_URL"]
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def test_a_cloud_that_is_well_says_so(
    cloud_environment: dict[str, str], branch: str, tmp_path: Path
) -> None:
    status, found = examine("--cloud")
    unwell = [one for each in found.values() for one in each if one["state"] == "bad"]
    assert (status, unwell) == (0, [])
    for check in ("database", "partitions", "redis", "objects", "keys", "tls", "clock"):
        assert check in found
    assert list((tmp_path / "objects" / "doctor").iterdir()) == [], "the probe was removed"


def test_a_cloud_says_which_of_its_parts_is_missing(
    cloud_environment: dict[str, str],
    branch: str,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with engine.begin() as connection:
        name = connection.execute(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'journal_entry'::regclass"
            )
        ).scalar_one()
        connection.execute(text(f"DROP TABLE {name}"))
    monkeypatch.setenv("SENTRA_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SENTRA_KEYS_DIR", cloud_environment["SENTRA_OBJECT_DIR"])
    status, found = examine("--cloud")
    assert status == 1
    assert "journal_entry" in found["partitions"][0]["told"]
    assert states(found, "redis") == {"bad"}
    assert "ca.key is missing" in found["keys"][0]["told"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    _, found = examine("--cloud")
    assert any("this version needs" in one["told"] for one in found["database"])


def test_an_archive_that_is_late_or_fails_is_found(
    cloud_environment: dict[str, str], terminal: TestDevice, engine: Engine
) -> None:
    _, found = examine("--cloud")
    assert [one["told"] for one in found["archive"]] == ["every fact is archived"]
    journal = Journal()
    journal.terminal, journal.key = terminal.id, terminal.key
    journal.sell(1)
    assert terminal.post("/v1/journal", pack([Parcel(journal.sealed(1, 1))])).status_code == 200
    for hours, expected in ((1, "ok"), (5, "attention")):
        with engine.begin() as connection:
            aged = text("UPDATE segment SET received_at_ms = :at_ms")
            connection.execute(aged, {"at_ms": wall_clock() - hours * 3_600_000})
        _, found = examine("--cloud")
        assert states(found, "archive") == {expected}
    assert "waits for 5 h" in found["archive"][0]["told"]
    assert "sentra db archive" in found["archive"][0]["advice"]
    with engine.begin() as connection:
        lag.note_run(connection, wall_clock() - 2 * 3_600_000, failed=True)
    assert "for 2 h each run" in examine("--cloud")[1]["archive"][0]["told"]
    with engine.begin() as connection:
        source.note_left_out(connection, "archive/journal/x", wall_clock())
    left_out = examine("--cloud")[1]["archive"][0]
    assert (left_out["state"], "1 objects" in left_out["told"]) == ("bad", True)
    assert "--take-back" in left_out["advice"]


def test_a_full_disk_and_a_wrong_clock_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRA_LANGUAGE", "en")
    assert checks.disk(tmp_path, RESERVE_BYTES).state == "ok"
    assert checks.disk(tmp_path, shutil.disk_usage(tmp_path).free * 2).state == "bad"
    assert checks.disk(tmp_path, shutil.disk_usage(tmp_path).free // 2).state == "attention"
    skewed = {1_000: "ok", -119_000: "ok", 121_000: "attention", -3_700_000: "bad"}
    assert {ms: checks.clock(ms, "x").state for ms in skewed} == skewed
    assert checks.clock(-3_700_000, "the cloud").told == "1 h 1 min behind against the cloud"
