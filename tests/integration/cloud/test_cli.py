"""`sentra db` makes a working company on an empty database, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sentra.cloud import people
from sentra.cloud.cli import db
from sentra.cloud.company import find_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import load_keys
from sentra.config import SettingMissing
from sentra.money import CurrencyUnknown

Run = Callable[..., Result]


@pytest.fixture
def run(empty_database_url: str, tmp_path: Path) -> Run:
    environment = {
        "SENTRA_DATABASE_URL": empty_database_url,
        "SENTRA_KEYS_DIR": str(tmp_path / "keys"),
        "SENTRA_OWNER_PASSWORD": "rahasia-sekali",
        "SENTRA_LANGUAGE": "en",
    }

    def invoke(*words: str) -> Result:
        return CliRunner(env=environment).invoke(db, words)

    return invoke


def test_init_makes_tables_keys_company_and_owner(
    run: Run, empty_database_url: str, tmp_path: Path
) -> None:
    done = run(
        "init", "--company", "Toko Sentosa", "--currency", "GBP", "--host", "sync.example.com"
    )
    assert done.exit_code == 0, done.output
    assert "Toko Sentosa (GBP) is ready" in done.output
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        company = find_company(connection)
        owner = people.find_by_login(connection, "owner")
    engine.dispose()
    assert company is not None
    assert (company.name, company.currency) == ("Toko Sentosa", "GBP")
    assert owner is not None
    assert people.password_matches(owner.password_hash, "rahasia-sekali")
    assert load_keys(tmp_path / "keys").public_key


def test_a_second_init_leaves_company_owner_and_keys_as_they_are(run: Run, tmp_path: Path) -> None:
    run("init", "--company", "Toko Sentosa")
    before = load_keys(tmp_path / "keys").public_key
    again = run("init", "--company", "Lain", "--owner", "lain")
    assert again.exit_code == 0
    assert "Toko Sentosa (IDR) is ready" in again.output
    assert load_keys(tmp_path / "keys").public_key == before


def test_status_tells_an_empty_database_from_a_ready_one(run: Run) -> None:
    empty = run("status")
    assert empty.exit_code == 1
    assert "Schema: 0" in empty.output
    assert "went from schema 0" in run("migrate").output
    assert "already" in run("migrate").output
    assert run("status").exit_code == 0


def test_an_unknown_currency_changes_nothing(run: Run) -> None:
    refused = run("init", "--company", "Toko", "--currency", "XXQ")
    assert isinstance(refused.exception, CurrencyUnknown)
    assert run("status").exit_code == 1


def test_a_missing_address_is_named() -> None:
    outcome = CliRunner(env={"SENTRA_DATABASE_URL": ""}).invoke(db, ["status"])
    assert isinstance(outcome.exception, SettingMissing)
    assert "SENTRA_DATABASE_URL" in str(outcome.exception)
