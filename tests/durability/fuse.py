"""A process that ends between two statements: nothing it does afterwards happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentra.vault import database
from sentra.vault.connect import Mode, connect
from sentra.vault.driver import Connection
from sentra.vault.keys import VaultKey


class Ended(BaseException):
    """The process is gone. No `except Exception` may keep it going."""


class Fuse:
    """Counts statements and, once armed, blows before the one with a number."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.seen = 0
        self.blown = False
        self._left_open: list[Connection] = []

    def arm(self, at: int | None) -> None:
        """Count anew from 0, and blow at this one."""
        self.seen, self.at = 0, at

    def pass_one(self) -> None:
        """A statement is about to be run. Raises Ended from the chosen one on."""
        if self.seen == self.at:
            self.blown = True
        if self.blown:
            raise Ended
        self.seen += 1

    def leave_open(self, db: Connection) -> None:
        """A process that is gone closes nothing, and writes nothing back at its end."""
        self._left_open.append(db)

    def clear(self) -> None:
        """When the disk was looked at: the dead process' files are closed by the kernel."""
        for db in self._left_open:
            db.close()
        self._left_open.clear()


class FusedConnection:
    """A vault's connection over a fuse."""

    def __init__(self, db: Connection, fuse: Fuse) -> None:
        self._db, self._fuse = db, fuse

    def execute(self, statement: str, *parameters: Any) -> Any:
        """As the driver does. Raises Ended besides."""
        self._fuse.pass_one()
        return self._db.execute(statement, *parameters)

    def executemany(self, statement: str, rows: Any) -> Any:
        """As the driver does, but row by row, so that the process may end between two rows."""
        for row in rows:
            self.execute(statement, row)

    def close(self) -> None:
        """Closes, unless the process is gone."""
        if self._fuse.blown:
            self._fuse.leave_open(self._db)
        else:
            self._db.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@contextmanager
def fused(fuse: Fuse) -> Iterator[None]:
    """Vaults that are opened in the block hang on this fuse."""

    def connect_fused(path: Path, key: VaultKey, mode: Mode) -> Any:
        return FusedConnection(connect(path, key, mode), fuse)

    # The vault takes its connections from one function, and has no other seam.
    database.connect = connect_fused  # type: ignore[attr-defined]  # imported by name there
    try:
        yield
    finally:
        database.connect = connect  # type: ignore[attr-defined]  # put back
