"""Vaults of the tests keep their keys in files: no test reaches the keyring of whoever runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from tests.support.tills import a_till


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")


@pytest.fixture
def till(tmp_path: Path) -> Iterator[tuple[Vault, Identity]]:
    """An enrolled till with an open vault."""
    vault, identity = a_till(tmp_path / "till")
    yield vault, identity
    vault.close()
