"""What tests of the append share: a terminal's journal, how it is sent, what the cloud proves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import psycopg2
import pytest
from sqlalchemy import Engine, make_url, text

from sentra.cloud.identity import new_id
from sentra.events import FACTS, Fact, SaleCompleted
from sentra.protocol import bodies
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import head_of, make_entry
from sentra.protocol.envelope import Parcel
from syncd.service.operations.append import Ahead, Appended, append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.verify import CloudReport, verify_cloud
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.journals import DAY, Journal

Send = Callable[..., Appended]
Prove = Callable[[], CloudReport]
Ask = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture
def journal(terminal: TestDevice) -> Journal:
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    return made


@pytest.fixture
def send(app_database_url: str, terminal: TestDevice) -> Send:
    """Appends sealed segments in a transaction of their own, each call on a new connection."""
    url = make_url(app_database_url)
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def run(*sealed: bytes, carrier: Carrier | None = None, ahead: Ahead = iter) -> Appended:
        connection = psycopg2.connect(dsn)
        try:
            by = carrier or Carrier(terminal.id, "terminal", terminal.branch_id)
            parcels = [Parcel(one) for one in sealed]
            result = append_envelope(
                JournalStore(connection, new_id), parcels, by, NOW_MS, ahead=ahead
            )
            connection.commit()
            return result
        finally:
            connection.close()

    return run


@pytest.fixture
def prove(engine: Engine) -> Prove:
    def run() -> CloudReport:
        with engine.connect() as connection:
            return verify_cloud(connection)

    return run


@pytest.fixture
def ask(engine: Engine) -> Ask:
    def run(statement: str) -> list[tuple[object, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    return run


def write(journal: Journal, *facts: Fact) -> None:
    """Append any facts to a journal."""
    for fact in facts:
        kind, schema, body = encode_fact(fact)
        write_raw(journal, kind, schema, body)


def write_raw(journal: Journal, kind: str, schema: int, body: bytes) -> None:
    """Append an entry of any kind."""
    entry = make_entry(journal.terminal, journal.head, kind, schema, NOW_MS, DAY, body)
    journal.head = head_of(entry)
    journal.entries.append(entry)


def outcome(appended: Appended) -> tuple[str, int]:
    """Of one journal: the word, and how many entries were appended."""
    (one,) = appended.journals
    return one.outcome, one.appended


def a_clone_of(journal: Journal) -> Journal:
    """Another machine with the same identity, that sells its own sales from here on."""
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.entries, clone.head = list(journal.entries), journal.head
    return clone


def segments_of(journal: Journal, sizes: Sequence[int]) -> list[bytes]:
    first, made = 1, []
    for size in sizes:
        made.append(journal.sealed(first, first + size - 1))
        first += size
    return made


LATER = ("sale.completed", 99)
"""A schema that only a later version knows; to this one its body is the present one's."""


def upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """This version learns the later schema."""
    monkeypatch.setitem(FACTS, LATER, SaleCompleted)
    monkeypatch.setitem(bodies._decoders, LATER, msgspec.json.Decoder(SaleCompleted))
