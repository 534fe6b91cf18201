"""What courier tests share: a till with a vault of its own, a stick, and who takes files in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from sentra.cloud.company import CompanyFacts
from sentra.cloud.keys import CompanyKeys
from sentra.command import sentra
from sentra.courier import packing
from sentra.protocol.courier import (
    RANDOM_BYTES,
    contents_bytes,
    open_envelopes,
    read_header,
    seal,
)
from sentra.protocol.entry import EMPTY
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from syncd.daemon.outbound.courier import TillDepot
from syncd.service.courier import CloudTaker
from tests.present import NOW_MS
from tests.support.courier import offline_device
from tests.support.tills import sell

Till = tuple[Vault, Identity]
SMALL_PART = 800
"""Two or three live sales."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Iterator[None]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def enrol(
    tmp_path: Path, engine: Engine, company_keys: CompanyKeys, company: CompanyFacts, branch: str
) -> Iterator[Callable[..., Till]]:
    opened: list[Vault] = []

    def make(name: str, role: str = "terminal", number: int = 1) -> Till:
        vault, identity = offline_device(
            tmp_path / name, engine, company_keys, company, branch, role, number
        )
        opened.append(vault)
        return vault, identity

    yield make
    for vault in opened:
        vault.close()


@pytest.fixture
def till(enrol: Callable[..., Till]) -> Till:
    return enrol("till")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def taker(app_engine: Engine, company_keys: CompanyKeys) -> CloudTaker:
    return CloudTaker(app_engine, company_keys, None)


def run(*words: object) -> Result:
    return CliRunner().invoke(sentra, ["--language", "en", "courier", *map(str, words)])


def told(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def live_sales(till: Till, count: int) -> None:
    """Sales that were sealed one by one, as by a daemon whose line is there."""
    vault, identity = till
    for _ in range(count):
        sell(vault, identity)
        with vault.writer() as db:
            journal.seal_pending(db, identity)


def parts_of(till: Till, stick: Path) -> Sequence[Path]:
    depot = TillDepot(*till)
    return packing.pack(depot, stick, now_ms=NOW_MS, part_bytes=SMALL_PART).written


def in_cloud(engine: Engine) -> list[tuple[str, int, bytes]]:
    with engine.connect() as connection:
        query = "SELECT terminal_id::text, seq, hash FROM journal_entry ORDER BY 1, epoch, seq"
        return [(one, seq, bytes(digest)) for one, seq, digest in connection.execute(text(query))]


def in_vault(till: Till) -> list[tuple[str, int, bytes]]:
    with till[0].reader() as db:
        entries = journal.entries(db, EMPTY, -1)
        return [(one.terminal, one.seq, one.hash) for one in entries]


def backlog(till: Till) -> int:
    with till[0].reader() as db:
        return journal.backlog(db, "cloud").count


def forged(
    part: Path, identity: Identity, cloud: CompanyKeys, more: bytes = b"", **changes: Any
) -> None:
    """The same contents, and perhaps more, under another header, signed by the identity's key."""
    data = part.read_bytes()
    envelopes = [*open_envelopes([data], cloud.signing_key), *([more] if more else [])]
    changes["size_bytes"] = contents_bytes(len(one) for one in envelopes)
    header = msgspec.structs.replace(read_header([data]), **changes)
    readers = [identity.cloud_public_key]
    part.write_bytes(
        b"".join(seal(header, envelopes, readers, identity.private_key, bytes(RANDOM_BYTES)))
    )
