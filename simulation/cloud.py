"""The cloud: PostgreSQL, and the sync service's own routes over it, in this thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from flask import Flask, got_request_exception
from psycopg2 import OperationalError
from psycopg2.errors import DeadlockDetected
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import Connection, Engine, event, select

from sentra.cloud import snapshots
from sentra.cloud.archive.write import Archivist
from sentra.cloud.company import the_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from sentra.cloud.redis_client import RedisClient
from sentra.cloud.snapshots import Retention
from sentra.cloud.tables import feed_revision, journal_head
from sentra.instants import Clock
from sentra.protocol.courier import CourierHeader
from sentra.protocol.entry import Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import SealedRevision
from sentra.protocol.messages import JournalOutcome
from sentra.web.devices import MemoryNonces
from simulation.clocks import MachineClock, TrueTime
from simulation.databases import Database
from simulation.power import Grid, Life
from simulation.wire import Answer, Request, ask
from syncd.service.bootstrap import create_service
from syncd.service.config import Settings, read_settings
from syncd.service.courier import CloudTaker
from syncd.service.inbound.parts import EXTENSION, Parts
from syncd.service.outbound.known_devices import KnownDevices
from syncd.service.outbound.threads import Lane

ADDRESS: Final = "cloud.simulated:443"
URL: Final = f"https://{ADDRESS}"
VERSION: Final = "simulated"

_T = TypeVar("_T")

Revisions = dict[tuple[str, int], SealedRevision]
"""By scope and number."""

AWAY: Final = "away"
DEADLOCK: Final = "deadlock"
UNHEARD: Final = "unheard"
TROUBLES: Final = (AWAY, DEADLOCK, UNHEARD)
"""The database does not answer; ends the transaction to break a circle; commits, and the
connection breaks before it has said so."""


class InlineLane(Lane):
    """The service's lane to PostgreSQL in this very thread: its transactions, not its threads."""

    def __init__(self, engine: Engine, life: Life, troubles: list[str]) -> None:
        # The parent's constructor makes a pool of threads, which is all that is left out.
        self._engine, self._life, self._troubles = engine, life, troubles
        self._trouble: str | None = None
        event.listen(engine, "commit", self._before_commit)
        self._idle: list[Connection] = []
        self._waiting = 0

    def _in_thread(self, work: Callable[[], _T]) -> _T:
        return work()

    def _once(self, work: Callable[[Connection], _T]) -> _T:
        self._life.require()
        self._trouble = self._troubles.pop(0) if self._troubles else None
        if self._trouble == AWAY:
            raise OperationalError("simulated")
        result = super()._once(work)
        self._life.after_commit()
        if self._trouble == UNHEARD:
            raise OperationalError("simulated")
        return result

    def _before_commit(self, _connection: Connection) -> None:
        if self._trouble == DEADLOCK:
            raise DeadlockDetected("simulated")
        self._life.before_commit()


class SteppedTaker(CloudTaker):
    """`sentra courier unpack` at the cloud, which may die or meet the database's troubles too."""

    def __init__(
        self, engine: Engine, keys: CompanyKeys, clock: Clock, life: Life, troubles: list[str]
    ) -> None:
        super().__init__(engine, keys, None, clock)
        self._life, self._troubles = life, troubles
        self._trouble: str | None = None
        event.listen(engine, "commit", self._before_commit)

    def take(self, header: CourierHeader, parcels: Sequence[Parcel]) -> Sequence[JournalOutcome]:
        """As the parent does. Raises PowerCut and psycopg2's errors besides."""
        self._trouble = self._troubles.pop(0) if self._troubles else None
        if self._trouble == AWAY:
            raise OperationalError("simulated")
        outcomes = super().take(header, parcels)
        self._life.after_commit()
        if self._trouble == UNHEARD:
            raise OperationalError("simulated")
        return outcomes

    def _before_commit(self, _connection: Connection) -> None:
        if self._trouble == DEADLOCK:
            raise DeadlockDetected("simulated")
        self._life.before_commit()


class NoRedis:
    """Redis is away. It holds nothing that may not be lost, and wakes are left to timers."""

    def publish(self, *_: Any) -> None:
        """Nobody hears it."""
        raise RedisAway("simulated")


class Cloud:
    """A server at `ADDRESS`. `engine` is the owner's, for the back office and for looking.

    `left_timelines` are those from which a restore took the database away.
    """

    server_name = None
    is_up = True

    def __init__(self, database: Database, keys: CompanyKeys, time: TrueTime, grid: Grid) -> None:
        self.keys, self.time = keys, time
        self.clock = MachineClock(time)
        self.database = database
        self.life = Life("service")
        self.faults: list[str] = []
        self.troubles: list[str] = []
        self.left_timelines: set[str] = set()
        self._published: Revisions = {}
        self._published_kept: Revisions = {}
        self._grid = grid
        self._lane: InlineLane | None = None
        self.start()

    def start(self) -> None:
        """A new process of the service: the production app with a lane and keys of ours."""
        self.stop()
        life = self.life = Life("service")
        self.troubles.clear()
        place = self.database.place
        lane = self._lane = InlineLane(place.service.execution_options(), life, self.troubles)
        app = self._app = create_service(self._settings(), clock=self.clock)
        app.extensions[EXTENSION] = replace(
            cast(Parts, app.extensions[EXTENSION]),
            ingest=lane,
            quick=lane,
            devices=KnownDevices(lane, self.clock),
            nonces=MemoryNonces(self.clock),
            redis=cast(RedisClient, NoRedis()),
            keys=self.keys,
        )
        got_request_exception.connect(self._note, app)

    def stop(self) -> None:
        """End the process: what it had not committed is gone."""
        self.life.end()
        if self._lane is not None:
            self._lane.close()

    @property
    def engine(self) -> Engine:
        """The owner's, for the back office and for looking."""
        return self.database.place.owner

    def _settings(self) -> Settings:
        return read_settings(
            {
                "SENTRA_DATABASE_URL": self.database.place.app_url,
                "SENTRA_REDIS_URL": "redis://redis.simulated",
                "SENTRA_KEYS_DIR": str(self.keys.folder),
                "SENTRA_SYNC_URL": URL,
            }
        )

    def heads(self) -> dict[str, Head]:
        """Where the journals in PostgreSQL end, by terminal."""
        columns = journal_head.c
        query = select(columns.terminal_id, columns.epoch, columns.seq, columns.hash)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return {row.terminal_id: Head(row.epoch, row.seq, bytes(row.hash)) for row in rows}

    def archive(self, objects: LocalObjects) -> int:
        """The worker archives everything; how many segments."""
        now_ms = self.clock()
        return (
            Archivist(self.engine, objects, self.keys.signing_key, now_ms)
            .run(all_of_it=True)
            .segments
        )

    def keep_feeds(self, retention: Retention, life: Life) -> str:
        """The worker's housekeeping, scope by scope; what it made and dropped. Raises PowerCut."""
        told = []
        self._published = self.revisions()
        with self._app_engine() as engine:
            event.listen(engine, "commit", lambda _connection: life.before_commit())
            with engine.connect() as connection:
                scopes = snapshots.scopes(connection)
            for scope in scopes:
                with engine.begin() as connection:
                    kept = snapshots.keep(
                        connection,
                        scope,
                        retention,
                        now_ms=self.clock(),
                        signing_key=self.keys.signing_key,
                    )
                life.after_commit()
                made = "no snapshot" if kept.made is None else f"a snapshot of {kept.made.revision}"
                told.append(f"{made}, {kept.dropped} dropped")
        return "; ".join(told)

    def revisions(self) -> Revisions:
        """All that was ever published on the way to the present state, also what was dropped."""
        found = dict(self._published)
        with self.engine.connect() as connection:
            for row in connection.execute(select(feed_revision)):
                sealed, signature = bytes(row.sealed), bytes(row.signature)
                place = (row.scope, row.revision)
                found[place] = SealedRevision(*place, sealed, signature)
        return found

    @contextmanager
    def courier(self, life: Life) -> Iterator[CloudTaker]:
        """Somebody at the cloud who takes courier files in, as a program of its own."""
        with self._app_engine() as engine:
            yield SteppedTaker(engine, self.keys, self.clock, life, self.troubles)

    @contextmanager
    def _app_engine(self) -> Iterator[Engine]:
        """With the rights of the programs, gone afterwards."""
        engine = make_engine(self.database.place.app_url, pool_size=1)
        try:
            yield engine
        finally:
            engine.dispose()

    def back_up(self) -> None:
        """Keep what the database holds now, in place of what was kept before."""
        self._published_kept = dict(self._published)
        self.database.back_up()

    def restore(self) -> None:
        """The database becomes again what was kept; nobody tells anybody."""
        self.left_timelines.add(self._timeline())
        self._published = dict(self._published_kept)
        self.stop()
        self.database.restore()
        self.start()
        # What the backup says of its timeline holds no longer; the service has to notice.
        self.left_timelines.add(self._timeline())

    def _timeline(self) -> str:
        with self.engine.connect() as connection:
            return the_company(connection).timeline

    def close(self) -> None:
        """The end of the run."""
        self.stop()

    def answer(self, request: Request) -> Answer:
        """The service's answer. Raises PowerCut."""
        with self._grid.run(self.life):
            return ask(self._app, request)

    def lose_power(self) -> None:
        """The pod died; the cluster starts another one."""
        self.start()

    def _note(self, _app: Flask, *, exception: Exception, **_: Any) -> None:
        self.faults.append(f"error in the service: {type(exception).__name__}: {exception}")
