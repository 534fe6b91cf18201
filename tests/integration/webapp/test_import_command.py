"""`sentra import catalogue`: what it prints, how it ends, and what it leaves."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from sentra.cloud.tables import import_run, product
from tests.support.worker import environment_of
from webapp.config import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]

FILE = "kode,nama,harga\nA1,Kopi,12000\nA2,Teh,4000\nA3,,1000\n"


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Run:
    """`run("--dry-run", content=…)` calls the command on a file with this content."""

    def call(*options: str, content: str = FILE) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "barang.csv"
        path.write_text(content, encoding="utf-8")
        command = [sys.executable, "-m", "sentra", "import", "catalogue", str(path), *options]
        return subprocess.run(
            command, env=environment_of(settings), capture_output=True, text=True, check=False
        )

    return call


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(product)).scalar_one()


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The JSON object of the last line."""
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_it_takes_what_it_can_says_what_it_refused_and_changes_nothing_again(
    run: Run, chain_engine: Engine, tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    done = run("--json", "--report", str(report))
    assert done.returncode == 0, done.stderr
    assert figures(done) == {
        "rows": 3,
        "taken": 2,
        "new": 2,
        "changed": 0,
        "unchanged": 0,
        "refused": 1,
        "notes": {},
        "refusals": {"name-missing": 1},
    }
    assert "1 rows were REFUSED" in done.stdout
    with report.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    assert [(row["Line"], row["Column"], row["Taken"]) for row in rows] == [("4", "nama", "no")]
    again = run("--json")
    assert figures(again)["unchanged"] == 2
    assert "Nothing to change" in again.stdout
    with chain_engine.connect() as connection:
        statuses = connection.execute(select(import_run.c.status)).scalars().all()
    assert statuses == ["done", "done"]


def test_a_dry_run_writes_nothing(run: Run, chain_engine: Engine) -> None:
    done = run("--dry-run", "--json")
    assert done.returncode == 0
    assert figures(done)["new"] == 2
    assert count(chain_engine) == 0


def test_columns_can_be_named_and_an_unclear_file_says_how(run: Run, chain_engine: Engine) -> None:
    strange = FILE.replace("nama", "apa")
    refused = run(content=strange)
    assert refused.returncode == 1
    assert "--map" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run("--map", "apa=name", content=strange).returncode == 0
    assert count(chain_engine) == 2
    assert run("--map", "apa").returncode == 1


def test_where_nothing_can_be_taken_it_ends_with_one(run: Run, chain_engine: Engine) -> None:
    done = run("--json", content="nama,harga\nKopi,mahal\n")
    assert done.returncode == 1
    assert figures(done)["refused"] == 1
    assert count(chain_engine) == 0


@pytest.mark.parametrize("content", ["", "\0\0\0\0"])
def test_a_file_that_is_none_is_one_sentence(run: Run, content: str) -> None:
    done = run(content=content)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "barang.csv" in done.stderr


def test_the_real_catalogue_is_taken_whole_and_once(
    run: Run, shared_data: Path | None, settings: Settings, chain_engine: Engine
) -> None:
    if shared_data is None:
        pytest.skip("the real catalogue is not beside this checkout")
    content = (shared_data / "minimarket-catalogue.csv").read_text(encoding="utf-8")
    first, second = run("--json", content=content), run("--json", content=content)
    assert figures(first)["new"] == 5_134
    assert figures(second)["unchanged"] == 5_134
    assert count(chain_engine) == 5_134


def test_it_speaks_the_language_of_the_process(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "barang.csv"
    path.write_text(FILE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "sentra", "import", "catalogue", str(path)],
        env={**environment_of(settings), "SENTRA_LANGUAGE": "id", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 baris DITOLAK" in done.stdout
