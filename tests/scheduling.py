"""How `pytest -n` deals tests out: one by one to whoever is free, so that no process idles at the
end. Tests that share a fixture of their file go to one process together, or it would be made twice.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]


@cache
def shares_a_fixture(file: str) -> bool:
    """Whether a file of tests has a fixture that is made once for all of them."""
    return 'scope="module"' in (ROOT / file).read_text(encoding="utf-8")


class OneByOne(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """A test is a unit of its own, or all those of its file are one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if shares_a_fixture(file) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneByOne | None:
    """Only for `--dist loadscope`, as `dev.py test` asks; another word means what xdist says."""
    return OneByOne(config, log) if config.getoption("dist") == "loadscope" else None
