"""One run's database in PostgreSQL: made from a template, kept aside, and put back."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

from sentra.embedded.postgres import EmbeddedPostgres

ROLE: Final = "sentra_app"
"""The programs' role, with the rights of a deployment."""


class Database:
    """A database that can go back to an earlier moment. `maintenance` is an engine in autocommit
    mode, connected to another database of the same server."""

    def __init__(self, server: EmbeddedPostgres, maintenance: Engine, name: str) -> None:
        self.name, self._kept = name, f"{name}_kept"
        self.owner_url, self.app_url = server.url(name), server.url(name, ROLE)
        self._maintenance = maintenance
        self.is_backed_up = False

    def make(self, template: str) -> None:
        """Make it as a copy of another, to which nobody may be connected."""
        self._copy(template, self.name)

    def back_up(self) -> None:
        """Keep what is in it now, in place of what was kept before."""
        self._drop(self._kept)
        self._copy(self.name, self._kept)
        self.is_backed_up = True

    def restore(self) -> None:
        """Go back to what was kept."""
        self._drop(self.name)
        self._copy(self._kept, self.name)

    def drop(self) -> None:
        """Leave nothing, whoever is connected."""
        self._drop(self.name)
        self._drop(self._kept)

    def _copy(self, template: str, name: str) -> None:
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    def _drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with self._maintenance.connect() as connection:
            connection.execute(text(statement))
