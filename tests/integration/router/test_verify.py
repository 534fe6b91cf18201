"""`sentra verify --router`: what is whole is counted, what is altered is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_agent.outbound import decisions, store
from router_agent.outbound.schema import ROOMS
from sentra.command import sentra
from sentra.protocol.envelope import Parcel
from sentra.vault.database import Vault
from tests.integration.router.conftest import Running
from tests.support.journals import Journal
from tests.support.tills import BRANCH

Until = Callable[..., None]


def run(*words: str) -> Result:
    return CliRunner().invoke(sentra, ["--language", "en", "verify", *words])


def verify(folder: Path) -> tuple[int, dict[str, Any]]:
    result = run("--router", str(folder), "--json")
    assert result.exit_code in (0, 1), result.output
    return result.exit_code, json.loads(result.output.splitlines()[-1])


@pytest.fixture
def held(served: Running, journal: Journal, other: Journal, until: Until) -> Path:
    """The folder of a stopped router that holds two journals, forwarded."""
    for one, count in ((journal, 6), (other, 2)):
        one.sell(count)
        link = served.link(one)
        for first in range(1, count, 2):
            link.send([Parcel(one.sealed(first, first + 1))])
    until(lambda: served.cloud.count(journal.terminal) == 6)
    until(lambda: served.cloud.count(other.terminal) == 2)
    return served.folder


def alter(folder: Path, *statements: str) -> None:
    vault = Vault.open(folder, ROOMS)
    with vault.writer() as db:
        for statement in statements:
            db.execute(statement)
    vault.close()


def test_a_whole_router_is_verified_and_its_sales_are_summed(held: Path) -> None:
    status, proof = verify(held)
    assert status == 0
    assert (proof["tickets"], proof["gross"], proof["entries"]) == (8, 8 * 4_500, 8)
    assert proof["verified"] is True
    assert proof["problems"] == []
    named = {device["name"]: device for device in proof["devices"]}
    assert set(named) == {"Kasir 1", "Kasir 2"}
    assert named["Kasir 1"]["tickets"] == 6
    assert named["Kasir 1"]["branch"] == "Sangatta"
    assert named["Kasir 1"]["problems"] == []


def test_it_can_be_verified_while_it_runs(served: Running) -> None:
    assert verify(served.folder)[0] == 0


@pytest.mark.parametrize("place", [3, 25, 60, 120, -40])
def test_any_altered_byte_of_a_kept_segment_is_named(
    place: int, held: Path, journal: Journal, served: Running
) -> None:
    vault = Vault.open(held, ROOMS)
    with vault.writer() as db:
        sealed = bytearray(store.sealed_at(db, journal.terminal, 1, 4))
        sealed[place] ^= 1
        db.execute(
            "UPDATE held_segment SET sealed = ? WHERE terminal = ? AND last_seq = 4",
            (bytes(sealed), journal.terminal),
        )
    vault.close()
    status, proof = verify(held)
    assert status == 1
    wrong = [device["name"] for device in proof["devices"] if device["problems"]]
    assert wrong == ["Kasir 1"]
    (said,) = next(d["problems"] for d in proof["devices"] if d["name"] == "Kasir 1")
    assert said.startswith("segment: entry 1/3: ")


def test_a_missing_segment_is_named(held: Path, served: Running) -> None:
    alter(held, "DELETE FROM held_segment WHERE last_seq = 4")
    status, proof = verify(held)
    assert status == 1
    problems = [p for device in proof["devices"] for p in device["problems"]]
    assert problems == ["chain: entry 1/3: it is missing here"]


def test_a_missing_end_is_named(held: Path, served: Running) -> None:
    alter(held, "DELETE FROM held_segment WHERE last_seq = 6")
    status, proof = verify(held)
    assert status == 1
    problems = [p for device in proof["devices"] for p in device["problems"]]
    assert problems == ["head: entry 1/4: the head kept here is not the last entry kept here"]


def test_another_history_in_the_cloud_is_named(held: Path, served: Running) -> None:
    alter(held, "UPDATE held_head SET cloud_hash = zeroblob(32) WHERE seq = 6")
    status, proof = verify(held)
    assert status == 1
    problems = [p for device in proof["devices"] for p in device["problems"]]
    assert problems == ["head: entry 1/6: the cloud has another entry there"]


def test_decisions_that_were_altered_here_are_named(held: Path, served: Running) -> None:
    vault = Vault.open(held, ROOMS)
    with vault.writer() as db:
        (revision,) = decisions.revisions_after(db, BRANCH, 0, 1)
        altered = bytearray(revision.sealed)
        altered[-1] ^= 1
        db.execute("UPDATE cached_revision SET sealed = ?", (bytes(altered),))
    vault.close()
    status, proof = verify(held)
    assert status == 1
    wrong = [device for device in proof["devices"] if device["problems"]]
    assert [device["name"] for device in wrong] == ["SGT-R1"]


def test_people_get_a_line_for_each_till_and_one_verdict(held: Path) -> None:
    result = run("--router", str(held))
    assert result.exit_code == 0
    assert "✓ Sangatta · Kasir 1: 6 sales, 6 entries" in result.output
    assert result.output.endswith("Everything holds.\n")


def test_the_command_asks_which_place_and_takes_one_kind_at_a_time(held: Path) -> None:
    assert run("--json").exit_code == 2
    mixed = run("--router", str(held), "--data", str(held))
    assert mixed.exit_code == 2
    assert "one kind of place at a time" in mixed.output
    assert run("--help").exit_code == 0


def test_a_folder_without_a_vault_is_a_sentence(tmp_path: Path) -> None:
    result = run("--router", str(tmp_path))
    assert "There is no vault in" in str(result.exception)
