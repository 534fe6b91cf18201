"""The vault that a router's tests write in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from router_agent.outbound.schema import ROOMS
from sentra.vault.database import Vault


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """A router's, with its tables and nothing in them."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    made = Vault.create(tmp_path / "router", "router", ROOMS)
    yield made
    made.close()
