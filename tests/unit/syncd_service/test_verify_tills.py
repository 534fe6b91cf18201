"""`sentra verify --data`: what tills hold, proved and summed in the shape that all places share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sentra.protocol.entry import Head
from sentra.vault.database import Vault
from sentra.vault.head_file import write_head_file
from sentra.verification import ScopeUnknown
from syncd.verify import NotEnrolled, NothingToVerify, verify
from tests.support.journals import an_id
from tests.support.tills import a_till, sell


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    monkeypatch.setenv("SENTRA_LANGUAGE", "en")


def make_till(folder: Path, number: int, sales: int) -> Path:
    vault, identity = a_till(folder / str(number), number)
    sell(vault, identity, sales)
    vault.close()
    return folder / str(number)


def test_the_sums_of_several_tills_are_added_up(tmp_path: Path) -> None:
    folders = [make_till(tmp_path, 1, 3), make_till(tmp_path, 2, 2)]
    words = [word for folder in folders for word in ("--data", str(folder))]
    done = CliRunner().invoke(verify, [*words, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output.splitlines()[-1])
    assert told["verified"] is True
    assert (told["tickets"], told["entries"], told["lines"]) == (5, 5, 5)
    assert told["gross"] == sum(device["gross"] for device in told["devices"]) > 0
    assert told["tenders"] == {"cash": told["gross"]}


def test_an_altered_entry_is_named_and_ends_with_one(tmp_path: Path) -> None:
    folder = make_till(tmp_path, 1, 4)
    vault = Vault.open(folder)
    with vault.writer() as db:
        db.execute("UPDATE journal_entry SET recorded_at_ms = recorded_at_ms + 1 WHERE seq = 3")
    vault.close()
    done = CliRunner().invoke(verify, ["--data", str(folder), "--json"])
    assert done.exit_code == 1
    (device,) = json.loads(done.output.splitlines()[-1])["devices"]
    assert device["problems"][0].startswith("chain: entry 1/3, receipt SGT-1-261122-0003: ")
    first = device["findings"][0]
    assert (first["epoch"], first["seq"], first["receipt"]) == (1, 3, "SGT-1-261122-0003")


def test_one_till_of_several_can_be_asked_for(tmp_path: Path) -> None:
    folders = [make_till(tmp_path, 1, 3), make_till(tmp_path, 2, 2)]
    words = [word for folder in folders for word in ("--data", str(folder))]
    done = CliRunner().invoke(verify, [*words, "--terminal", an_id(800_002), "--json"])
    assert [one["name"] for one in json.loads(done.output.splitlines()[-1])["devices"]] == ["2"]
    everywhere = CliRunner().invoke(verify, [*words, "--branch", "SGT", "--json"])
    assert len(json.loads(everywhere.output.splitlines()[-1])["devices"]) == 2
    assert CliRunner().invoke(verify, [*words, "--all"]).exit_code == 0
    nobody = CliRunner().invoke(verify, [*words, "--branch", "JKT"])
    assert isinstance(nobody.exception, ScopeUnknown)
    assert CliRunner().invoke(verify, [*words, "--all", "--branch", "SGT"]).exit_code == 2


def test_a_head_beside_the_database_that_it_never_had_is_found(tmp_path: Path) -> None:
    folder = make_till(tmp_path, 1, 2)
    write_head_file(folder, Head(1, 3, bytes(32)))
    done = CliRunner().invoke(verify, ["--data", str(folder), "--json"])
    (device,) = json.loads(done.output.splitlines()[-1])["devices"]
    assert [one["kind"] for one in device["findings"]] == ["head"]


def test_a_vault_that_is_no_tills_yet_says_so(tmp_path: Path) -> None:
    Vault.create(tmp_path / "new", "terminal").close()
    done = CliRunner().invoke(verify, ["--data", str(tmp_path / "new")])
    assert isinstance(done.exception, NotEnrolled)


def test_one_kind_of_place_must_be_named() -> None:
    assert isinstance(CliRunner().invoke(verify, []).exception, NothingToVerify)
    both = CliRunner().invoke(verify, ["--cloud", "--data", "."])
    assert isinstance(both.exception, NothingToVerify)
