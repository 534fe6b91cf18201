"""What the architecture tests read: the project's own files, parsed once."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("sentra", "webapp", "syncd", "pos_shell", "router_agent", "demo", "bench", "simulation")
PURE = (
    "sentra/money.py",
    "sentra/ids.py",
    "sentra/instants.py",
    "sentra/events",
    "sentra/domain",
    "sentra/protocol",
    "sentra/projection",
)
"""Paths of the pure core; every `operations` folder of a pipeline program joins them."""


@cache
def tracked(*suffixes: str) -> tuple[Path, ...]:
    """Files that git knows or would take, with one of the suffixes (all without any)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = (ROOT / name for name in sorted(set(listed)))
    return tuple(p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes))


def python_files(*, tests: bool = False) -> list[Path]:
    """Every Python file of the project, those of the tests only on demand."""
    return [p for p in tracked(".py") if tests or name_of(p).partition("/")[0] != "tests"]


def pure_files() -> list[Path]:
    """The files that do no input or output and read no clock."""
    return [p for p in python_files() if name_of(p).startswith(PURE) or "operations" in p.parts]


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    """A path as it is written in the project: relative to the checkout, with slashes."""
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.expr) -> str:
    """`time.monotonic` for the expression that says so; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""
