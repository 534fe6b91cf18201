"""Templates are compiled once in a test process. Most tests make an app of their own, and compiling
its pages took two thirds of their time. What was compiled is known by the template's checksum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class _InMemory(BytecodeCache):
    """What Jinja compiled, for all apps of this process; they are all made by one factory."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


_OPTIONS: Final[dict[str, Any]] = {"bytecode_cache": _InMemory()}


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Every Flask app of the tests shares them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", _OPTIONS)
        yield
