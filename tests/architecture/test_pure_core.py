"""The pure core reads no clock, draws no randomness, opens nothing and holds no float."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import dotted, name_of, pure_files, tree_of

IMPURE = {
    "datetime.now": "take the instant as an argument (`now_ms: int`)",
    "datetime.utcnow": "take the instant as an argument (`now_ms: int`)",
    "datetime.datetime.now": "take the instant as an argument (`now_ms: int`)",
    "datetime.today": "take the business date as an argument",
    "date.today": "take the business date as an argument",
    "datetime.date.today": "take the business date as an argument",
    "time.time": "take the instant as an argument (`now_ms: int`)",
    "time.time_ns": "take the instant as an argument (`now_ms: int`)",
    "time.monotonic": "take a Clock as an argument",
    "time.sleep": "return what to wait for, and let the caller wait",
    "uuid.uuid4": "use `sentra.ids.uuid7(time_ms, random_bytes)` with both passed in",
    "uuid4": "use `sentra.ids.uuid7(time_ms, random_bytes)` with both passed in",
    "os.urandom": "take the random bytes as an argument",
    "secrets.token_bytes": "take the random bytes as an argument",
    "open": "take the bytes as an argument",
    "print": "return what is to be said",
}


def calls_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def test_the_pure_core_reads_no_clock_draws_no_randomness_and_opens_nothing() -> None:
    found = [
        f"{name_of(path)}:{line} calls {call}(): {IMPURE[call]}"
        for path in pure_files()
        for line, call in calls_of(path)
        if call in IMPURE
    ]
    assert not found, "\n".join(found)


def floats_of(path: Path) -> Iterator[int]:
    for node in ast.walk(tree_of(path)):
        is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        is_name = isinstance(node, ast.Name) and node.id == "float"
        if is_literal or is_name:
            assert isinstance(node, ast.expr)
            yield node.lineno


def test_the_pure_core_holds_no_float() -> None:
    found = [
        f"{name_of(path)}:{line} uses a float: amounts are int minor units, quantities int "
        "thousandths (`quantity_milli`), rates int parts, durations int milliseconds"
        for path in pure_files()
        for line in floats_of(path)
    ]
    assert not found, "\n".join(found)


def test_the_pure_core_is_found() -> None:
    names = {name_of(path) for path in pure_files()}
    assert {"sentra/money.py", "sentra/ids.py", "sentra/instants.py"} <= names
