"""A PostgreSQL whose write-ahead log is archived, to be set back to an earlier moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from sentra.embedded.postgres import EmbeddedPostgres, _tool, prepare_postgres

MOMENT = "before_the_loss"
SECONDS_MAX = 30.0


@dataclass(slots=True)
class ArchivedPostgres:
    """The server, its base backup in `backup`, its log files in `wal`."""

    server: EmbeddedPostgres
    needed: str = ""

    @property
    def wal(self) -> Path:
        return self.server.folder / "wal"

    @property
    def backup(self) -> Path:
        return self.server.folder / "backup"

    def start(self) -> None:
        """Run, and archive the log."""
        self.server.start()
        command = f"mkdir -p {self.wal} && cp %p {self.wal}/%f"
        self.ask("ALTER SYSTEM SET archive_mode = on")
        self.ask(f"ALTER SYSTEM SET archive_command = '{command}'")
        self.server.start()

    def back_up(self) -> None:
        """A base backup of the running server, as an operator makes one each night."""
        connect = ("-h", str(self.server.sockets), "-U", "postgres")
        how = ("-D", str(self.backup), "-X", "none", "--checkpoint=fast", "--no-sync")
        done = _tool("pg_basebackup", *connect, *how, folder=self.server.folder)
        assert done.returncode == 0, done.stderr

    def remember_the_moment(self) -> None:
        """The moment that it will be set back to."""
        self.needed = str(self.ask(f"SELECT pg_walfile_name(pg_create_restore_point('{MOMENT}'))"))
        self.ask("SELECT pg_switch_wal()")

    def set_back(self, until: Callable[..., None]) -> None:
        """The disk is lost: what there is are the base backup and the log up to that moment."""
        until((self.wal / self.needed).exists, SECONDS_MAX)
        self.server.stop()
        shutil.rmtree(self.server.data)
        self.backup.rename(self.server.data)
        with (self.server.data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write(
                f"restore_command = 'cp {self.wal}/%f %p'\n"
                f"recovery_target_name = '{MOMENT}'\nrecovery_target_action = 'promote'\n"
            )
        (self.server.data / "recovery.signal").touch()
        self.server.start()
        until(lambda: self.ask("SELECT NOT pg_is_in_recovery()"), SECONDS_MAX)

    def ask(self, statement: str) -> object:
        """One statement outside of a transaction; its first value where there is one."""
        engine = create_engine(self.server.url(), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(statement))
                return result.scalar_one() if result.returns_rows else None
        finally:
            engine.dispose()


def prepare(folder: Path) -> ArchivedPostgres:
    """A server that is not started yet."""
    return ArchivedPostgres(prepare_postgres(folder, fsync=False))
