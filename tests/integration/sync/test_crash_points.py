"""PostgreSQL ends the service's connection before any statement: an envelope is whole or absent."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions
from sqlalchemy import Engine, make_url, text

from sentra.cloud.identity import new_id
from sentra.protocol.envelope import Parcel
from syncd.service.operations.append import append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.verify import verify_cloud
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.journals import Journal

TABLES = ("journal_entry", "segment", "fork_segment", "sale", "sale_line", "exception")
PROVED_EVERY = 6
"""At so many points in turn everything is proved; at the others it is counted."""

Envelope = list[Parcel]


class Cutter:
    """Ends a connection's server process before its statement `at`, as `kill` would."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.at, self.seen, self.pid = -1, 0, 0

    def arm(self, connection: extensions.connection, at: int) -> None:
        """Count anew for this connection."""
        self.at, self.seen, self.pid = at, 0, connection.info.backend_pid

    def pass_one(self) -> None:
        """A statement is about to be run."""
        if self.seen == self.at:
            with self._engine.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({self.pid}, 5000)"))
        self.seen += 1


@pytest.fixture
def cutter(engine: Engine) -> Cutter:
    return Cutter(engine)


@pytest.fixture
def connect(app_database_url: str, cutter: Cutter) -> Callable[[], extensions.connection]:
    url = make_url(app_database_url).set(drivername="postgresql")
    dsn = url.render_as_string(hide_password=False)

    class Counted(extensions.cursor):
        def execute(self, *arguments: Any) -> None:
            cutter.pass_one()
            super().execute(*arguments)

        def copy_expert(self, *arguments: Any, **options: Any) -> None:
            cutter.pass_one()
            super().copy_expert(*arguments, **options)

    return lambda: psycopg2.connect(dsn, cursor_factory=Counted)


@pytest.fixture
def journal(terminal: TestDevice) -> Journal:
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    return made


def _envelopes(journal: Journal) -> Iterator[Envelope]:
    """A first one, one that overlaps and goes on in two segments, and another machine's."""
    clone = Journal()
    clone.terminal, clone.key = journal.terminal, journal.key
    journal.sell(3)
    yield [Parcel(journal.sealed(1, 3))]
    journal.sell(5)
    yield [Parcel(journal.sealed(2, 5)), Parcel(journal.sealed(6, 8))]
    clone.sell(4, amount=9_000)
    yield [Parcel(clone.sealed(1, 4))]


def test_an_envelope_is_whole_or_absent_wherever_the_connection_ends(
    engine: Engine,
    connect: Callable[[], extensions.connection],
    cutter: Cutter,
    terminal: TestDevice,
    journal: Journal,
) -> None:
    by = Carrier(terminal.id, "terminal", terminal.branch_id)

    def send(envelope: Envelope, at: int, *, commits: bool = True) -> bool:
        """Whether it was committed; the answer may be lost all the same."""
        connection = connect()
        cutter.arm(connection, at)
        try:
            append_envelope(JournalStore(connection, new_id), envelope, by, NOW_MS)
            cutter.pass_one()
            if commits:
                connection.commit()
            return commits
        except psycopg2.Error:
            return False
        finally:
            connection.close()

    points = 0
    for envelope in _envelopes(journal):
        before = _held(engine)
        assert not send(envelope, -1, commits=False)
        for at in itertools.count():
            if send(envelope, at):
                break
            assert _held(engine, proved=at % PROVED_EVERY == 0) == before, f"before statement {at}"
            points += 1
        after = _held(engine)
        assert after != before
        # Its answer was lost: it comes once more.
        assert send(envelope, -1)
        assert _held(engine) == after
    assert points >= 30


def _held(engine: Engine, *, proved: bool = True) -> tuple[object, ...]:
    """What is durable, after its proof."""
    with engine.connect() as connection:
        if proved:
            assert verify_cloud(connection).differences == []
        counts = [
            connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608
            for name in TABLES
        ]
        sums = connection.execute(text("SELECT sum(total) FROM hourly_sales")).scalar_one()
        heads = connection.execute(text("SELECT seq, entry_count FROM journal_head")).all()
        return (*counts, sums, *map(tuple, heads))
