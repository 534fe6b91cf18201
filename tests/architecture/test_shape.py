"""House rules on the shape of the code: its sizes, its folders, what may not be left in it."""

from __future__ import annotations

import ast
import configparser
import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from tests.architecture.sources import PROGRAMS, ROOT, name_of, python_files, tracked, tree_of

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|NotImplemented" r"Error)\b")
"""Written in pieces, so that this file does not find itself."""

READ_BY_PEOPLE = (".py", ".html", ".js", ".css", ".md", ".cfg", ".toml", ".yaml", ".yml", ".sh")


def test_no_file_is_longer_than_a_person_reads_in_one_go() -> None:
    long = [
        f"{name_of(path)} has {lines} lines: split it by subject"
        for path in python_files(tests=True)
        if (lines := path.read_text(encoding="utf-8").count("\n")) >= FILE_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name} has {lines} lines: leave the control flow in "
        "it and move the work into functions"
        for path in python_files(tests=True)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) >= FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def folders() -> list[Path]:
    """Every folder of the programs that holds Python."""
    return sorted({p.parent for p in python_files() if name_of(p).partition("/")[0] in PROGRAMS})


def test_every_folder_states_its_rule_in_its_init() -> None:
    silent = [
        f"{name_of(folder)}/__init__.py: say in a docstring what belongs here and what does not"
        for folder in folders()
        if not (folder / "__init__.py").exists()
        or not ast.get_docstring(tree_of(folder / "__init__.py"))
    ]
    assert not silent, "\n".join(silent)


def test_nothing_unfinished_is_left_in_the_tree() -> None:
    left = [
        f"{name_of(path)}:{number} {line.strip()}"
        for path in tracked(*READ_BY_PEOPLE)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not left, "\n".join(left)


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 dev.py demo" in readme
    assert "python3 dev.py test" in readme


def verbs() -> list[tuple[str, str]]:
    """The declared verbs of the `sentra` command: name and place."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = settings["options.entry_points"]["sentra.commands"].split("\n")
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return [(name.strip(), place.strip()) for name, place in pairs]


@pytest.mark.parametrize(("verb", "place"), verbs())
def test_every_declared_verb_is_a_command_with_a_help_text(verb: str, place: str) -> None:
    module, _, function = place.partition(":")
    command = getattr(import_module(module), function)
    assert isinstance(command, click.Command), verb
    assert command.help, f"{place} has no docstring, so `sentra --help` says nothing about {verb}"
