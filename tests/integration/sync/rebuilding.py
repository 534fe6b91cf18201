"""What the tests of rebuilding share: the command, an archive in a folder, an empty database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from sentra.cloud.archive.write import Archivist
from sentra.cloud.cli import db
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from tests.present import NOW_MS

Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def command(chain_url: str, company_keys: CompanyKeys, tmp_path: Path) -> Command:
    """`sentra db …` as the programs' role, on another database if one is named."""

    def invoke(*words: str, url: str = chain_url) -> Result:
        environment = {
            "SENTRA_DATABASE_URL": url,
            "SENTRA_KEYS_DIR": str(company_keys.folder),
            "SENTRA_OBJECT_DIR": str(tmp_path / "objects"),
            "SENTRA_LANGUAGE": "en",
        }
        return CliRunner(env=environment).invoke(db, words)

    return invoke


def owner_of(url: str) -> str:
    return url.replace("sentra_app@", "postgres@")


@pytest.fixture
def empty_url(database_url: str) -> str:
    """A database with today's schema and nothing in it, as its owner."""
    return database_url


def archive(engine: Engine, folder: LocalObjects, keys: CompanyKeys) -> None:
    report = Archivist(engine, folder, keys.signing_key, NOW_MS).run(all_of_it=True)
    assert report.failures == []
