"""The `sentra` command finds its verbs, and says failures as sentences."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sentra import command
from sentra.failures import Failure


class BranchUnknown(Failure):
    code = "branch-unknown"
    sentence = "There is no branch “%(branch)s”. Look at the list of branches."


@click.command()
def failing() -> None:
    """Always refuses."""
    raise BranchUnknown(branch="Sangatta")


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two declared verbs: one that fails as people see it, one whose program is absent."""
    declared = [
        EntryPoint("failing", f"{__name__}:failing", command.GROUP),
        EntryPoint("absent", "no_such_program.cli:absent", command.GROUP),
    ]
    monkeypatch.setattr(command, "entry_points", lambda **_: declared)


@pytest.mark.usefixtures("verbs")
def test_the_help_lists_every_declared_verb_also_one_that_does_not_load() -> None:
    said = CliRunner().invoke(command.sentra, ["--help"]).output
    assert "failing  Always refuses." in said
    assert "absent" in said


@pytest.mark.usefixtures("verbs")
def test_a_verb_whose_program_is_absent_fails_with_a_sentence() -> None:
    result = CliRunner().invoke(command.sentra, ["absent", "--its-own-option"])
    assert isinstance(result.exception, command.VerbUnavailable)
    assert "no_such_program" in str(result.exception)


@pytest.mark.usefixtures("verbs")
def test_an_unknown_verb_is_refused_with_status_2() -> None:
    result = CliRunner().invoke(command.sentra, ["sell"])
    assert result.exit_code == 2
    assert "No such command" in result.output


@pytest.mark.usefixtures("verbs")
def test_a_failure_is_one_sentence_on_standard_error_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sentra", "--language", "en", "failing"])
    monkeypatch.setenv("SENTRA_LANGUAGE", "en")
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.err == "There is no branch “Sangatta”. Look at the list of branches.\n"
    assert said.out == ""


@pytest.mark.usefixtures("verbs")
def test_the_language_reaches_the_programs_that_a_verb_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTRA_LANGUAGE", "id")
    CliRunner().invoke(command.sentra, ["--language", "en", "failing"])
    assert os.environ["SENTRA_LANGUAGE"] == "en"


def test_the_console_script_runs() -> None:
    script = Path(sys.executable).with_name("sentra")
    ran = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("sentra ")
