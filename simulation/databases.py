"""The databases of the runs in PostgreSQL: made once, emptied between runs, put back within one.

A new database for each run would cost more than the run: its files are copied, and every
connection to it begins with cold catalogues. So the same three are used again and again, over
connections that stay open.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.pool import QueuePool

from sentra.cloud.tables import company
from sentra.embedded.postgres import EmbeddedPostgres
from syncd.service.outbound.threads import thread_engine

ROLE: Final = "sentra_app"
"""The programs' role, with the rights of a deployment."""

RUNS_BETWEEN_VACUUMS: Final = 20
"""Emptying leaves old versions of the catalogue's rows behind; nothing else clears them away."""

_FILLED: Final = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname IN ('public', 'partition')
        AND c.relname <> 'alembic_version' AND pg_relation_size(c.oid) > 0
    ORDER BY 1
"""
"""Every table with pages, by its name."""

Rows = dict[str, bytes]
"""What the tables hold, each in PostgreSQL's binary form for COPY."""


class Place:
    """One database, with the engines of its owner and of the service."""

    def __init__(self, server: EmbeddedPostgres, name: str) -> None:
        self.app_url = server.url(name, ROLE)
        self.owner = create_engine(server.url(name))
        self.service = thread_engine(self.app_url, poolclass=QueuePool)

    def empty(self) -> None:
        """Leave the schema, with its partitions, and no row."""
        with self.owner.begin() as connection:
            filled = connection.scalars(text(_FILLED)).all()
            if filled:
                connection.execute(text(f"TRUNCATE {', '.join(filled)} CASCADE"))

    def rows(self) -> Rows:
        """Everything that it holds."""
        with self.owner.connect() as connection:
            filled = connection.scalars(text(_FILLED)).all()
            return {table: self._copied(connection, table) for table in filled}

    def put(self, rows: Rows) -> None:
        """Hold these rows and no others."""
        self.empty()
        with self.owner.begin() as connection:
            # The tables come in the order of their names, so that one may refer to a later one.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table, content in rows.items():
                with _cursor(connection) as cursor:
                    cursor.copy_expert(
                        f"COPY {table} FROM STDIN (FORMAT binary)", io.BytesIO(content)
                    )

    def is_named_by(self, origin: str | None) -> bool:
        """Whether PostgreSQL calls this database so."""
        with self.owner.connect() as connection:
            return bool(connection.scalar(select(func.database_origin() == origin)))

    def vacuum(self) -> None:
        """Clear away what emptying has left."""
        with self.owner.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("VACUUM pg_class, pg_statistic, pg_depend"))

    def close(self) -> None:
        """Close its connections."""
        self.owner.dispose()
        self.service.dispose()

    @staticmethod
    def _copied(connection: Any, table: str) -> bytes:
        content = io.BytesIO()
        with _cursor(connection) as cursor:
            cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT binary)", content)
        return content.getvalue()


@contextmanager
def _cursor(connection: Any) -> Iterator[Any]:
    with connection.connection.cursor() as cursor:
        yield cursor


@dataclass(frozen=True, slots=True)
class _Kept:
    """A backup, the place that it is of, and the one that its own rows name: a backup of what was
    just restored still names the place before."""

    rows: Rows
    place: Place
    origin: str | None


class Databases:
    """The databases of one laboratory. `maintenance` is an engine in autocommit mode, connected to
    another database of the same server."""

    def __init__(self, server: EmbeddedPostgres, maintenance: Engine, template: str) -> None:
        """`template` is one with today's schema, to which nobody may be connected."""
        self._maintenance = maintenance
        self._names = tuple(f"{template}_{number}" for number in (1, 2, 3))
        for name in self._names:
            self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        self._places = tuple(Place(server, name) for name in self._names)
        self._runs = 0

    def fresh(self) -> Database:
        """An empty database for the next run; that of the run before is gone."""
        self._runs += 1
        if self._runs % RUNS_BETWEEN_VACUUMS == 0:
            for place in self._places:
                place.vacuum()
        return Database(self._places)

    def close(self) -> None:
        """Leave nothing."""
        for place, name in zip(self._places, self._names, strict=True):
            place.close()
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with self._maintenance.connect() as connection:
            connection.execute(text(statement))


class Database:
    """One run's database, which can go back to an earlier moment."""

    def __init__(self, places: tuple[Place, ...]) -> None:
        self._places = places
        self.place = places[0]
        self.place.empty()
        self._kept: _Kept | None = None

    def back_up(self) -> None:
        """Keep what is in it now, in place of what was kept before."""
        with self.place.owner.connect() as connection:
            origin = connection.scalar(select(company.c.origin))
        self._kept = _Kept(self.place.rows(), self.place, origin)

    def restore(self) -> None:
        """Go back to what was kept, in another database than it was kept from or tells of:
        PostgreSQL gives each restored copy a name that it never gave before."""
        kept = self._kept
        if kept is None:
            raise RuntimeError("nothing was kept")
        self.place = next(
            one
            for one in self._places
            if one is not kept.place and not one.is_named_by(kept.origin)
        )
        self.place.put(kept.rows)
