"""`sentra pos` as a process: its address, its lock, its end; and `sentra replay` beside it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from pos_shell.replay.source import COLUMNS
from sentra.command import sentra
from sentra.failures import Failure
from sentra.vault.lock import hold
from tests.support.shop import Shop

START_S_MAX = 30.0
COMMAND = (sys.executable, "-c", "from sentra.command import main; main()")


@dataclass(frozen=True)
class Ran:
    """What a command that ran in this process printed, and the refusal that ended it."""

    stdout: str
    refused: str


def run(*arguments: str, **environment: str) -> Ran:
    settings = {"SENTRA_KEY_STORE": "file", "SENTRA_LANGUAGE": "en", **environment}
    ran = CliRunner().invoke(sentra, list(arguments), env=settings)
    if ran.exception is None:
        return Ran(ran.stdout, "")
    if isinstance(ran.exception, SystemExit):
        return Ran(ran.stdout, ran.stderr)
    assert isinstance(ran.exception, Failure), ran.exc_info
    return Ran(ran.stdout, str(ran.exception))


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The till's process and its address, key and all."""
    file = folder.parent / f"{folder.name}.address"
    process = subprocess.Popen(
        [*COMMAND, "pos", "--data", str(folder), "--no-window", "--address-file", str(file)],
        env={**os.environ, "SENTRA_KEY_STORE": "file", "SENTRA_LANGUAGE": "en"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + START_S_MAX
    while not file.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    try:
        yield process, file.read_text(encoding="utf-8").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=START_S_MAX)


@pytest.fixture
def folder(make: Callable[..., Shop]) -> Path:
    """A till's folder that nobody holds."""
    shop = make()
    shop.till.close()
    return shop.till.folder


def test_the_till_opens_with_its_key_and_ends_when_asked(folder: Path) -> None:
    with running(folder) as (process, address):
        bare = address.partition("?")[0]
        assert address.startswith("http://127.0.0.1:")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(address) as answer:
            assert "Who is selling?" in answer.read().decode()
        stranger = urllib.request.build_opener()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            stranger.open(bare)
        with stranger.open(bare + "readyz") as answer:
            assert json.load(answer)["ready"] is True
        said = folder.parent / f"{folder.name}.address"
        assert stat.S_IMODE(said.stat().st_mode) == 0o600
    assert process.returncode == 0


def test_a_second_till_on_one_folder_is_refused_with_a_sentence(folder: Path) -> None:
    with hold(folder, "till"):
        second = run("pos", "--data", str(folder), "--no-window")
    assert "Another till is already running" in second.refused


def test_a_damaged_vault_stops_the_start_with_a_sentence_and_stays_as_it_is(folder: Path) -> None:
    database = folder / "vault.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:16] + b"\xff" * 4080 + whole[4096:])
    before = database.read_bytes()
    stopped = run("pos", "--data", str(folder), "--no-window")
    assert "Do not delete it" in stopped.refused
    assert database.read_bytes() == before


def test_a_wrong_setting_stops_the_start_and_is_named(folder: Path) -> None:
    stopped = run("pos", "--data", str(folder), "--no-window", SENTRA_LOG_LEVEL="loud")
    assert "SENTRA_LOG_LEVEL" in stopped.refused


def write_tickets(path: Path) -> Path:
    rows = [
        "T1,Sangatta,Kasir 1,2017-03-21T09:00:00,A,Teh,1,4500,cash",
        "T2,Sangatta,Kasir 1,2017-03-21T09:05:00,A,Teh,dua,4500,cash",
        "T3,Sangatta,Kasir 1,2017-03-21T09:10:00,A,Teh,2,4500,qris",
    ]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


def test_replay_says_json_lines_and_reports_what_it_did_not_take(
    folder: Path, tmp_path: Path
) -> None:
    file, report = write_tickets(tmp_path / "tickets.csv"), tmp_path / "report.jsonl"
    done = run("replay", str(file), "--data", str(folder), "--json", "--report", str(report))
    assert not done.refused
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-2] == {"done": 2, "total": 2}
    assert (lines[-1]["tickets"], lines[-1]["gross"], lines[-1]["rejected_lines"]) == (
        2,
        "13500",
        1,
    )
    [finding] = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert (finding["line"], finding["column"], finding["value"]) == (3, "quantity", "dua")
    assert "is not a number" in finding["reason"]


def test_replay_tells_people_in_their_language(folder: Path, tmp_path: Path) -> None:
    file = write_tickets(tmp_path / "tickets.csv")
    done = run("replay", str(file), "--data", str(folder), SENTRA_LANGUAGE="id")
    assert "2 tiket dengan 3 baris dicatat" not in done.stdout
    assert "2 tiket dengan 2 baris dicatat: 13500 IDR" in done.stdout
    assert "baris 3, quantity “dua”" in done.stdout


def test_the_plan_touches_no_till(tmp_path: Path) -> None:
    plan = run("replay", str(write_tickets(tmp_path / "tickets.csv")), "--plan", "--json")
    told = json.loads(plan.stdout)
    assert (told["tickets"], told["gross"], told["rejected_lines"]) == (2, "13500", 1)
    told_people = run("replay", str(tmp_path / "tickets.csv"), "--plan").stdout
    assert "In all: 2 tickets, 2 lines, 13500 IDR" in told_people


def test_a_file_with_wrong_columns_and_a_replay_without_tills_are_sentences(
    tmp_path: Path,
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n", encoding="utf-8")
    for command in (("replay", str(wrong), "--plan"), ("replay", str(wrong))):
        assert run(*command).refused
