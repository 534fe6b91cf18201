"""The power of programs: it goes away just before or just after a commit, and nothing runs on.

`Vault` and the sync service's lanes commit through here. A cut is an exception that no program
catches; after it every statement of the dead program's connections raises it again, so that no
`finally` can write what a real power cut would not have let it write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sentra.vault import database
from sentra.vault.connect import Mode, connect
from sentra.vault.driver import Connection
from sentra.vault.keys import VaultKey

_COMMIT = "COMMIT"


STATEMENTS_PER_STEP_MAX: Final = 200_000
"""A step of the greatest backlog executes some thousands; more means that it never ends."""


class NeverEnds(BaseException):
    """A step asks or writes again and again; no `except Exception` may hide it."""


class PowerCut(BaseException):
    """The program lost its power. No `except Exception` may keep it going."""

    def __init__(self, life: Life) -> None:
        super().__init__(life.name)
        self.life = life


@dataclass(eq=False, slots=True)
class Life:
    """One program from its start to its end.

    `cut_in` counts the commits until the power goes, None: it stays; `after`: the commit that it
    goes at is durable, but nobody hears of it.
    """

    name: str
    alive: bool = True
    cut_in: int | None = None
    after: bool = False
    commits: int = 0
    dying: bool = False

    def arm(self, commits: int, *, after: bool) -> None:
        """The power goes at this commit from now, counted from 0."""
        self.cut_in, self.after = commits, after

    def require(self) -> None:
        """Raise PowerCut where the power is gone."""
        if not self.alive:
            raise PowerCut(self)

    def end(self) -> None:
        """The program is gone, whatever it still holds."""
        self.alive = False

    def before_commit(self) -> None:
        """A commit is about to be made. Raises PowerCut where the power goes before it."""
        self.require()
        self.commits += 1
        if self.cut_in is None:
            return
        if self.cut_in > 0:
            self.cut_in -= 1
            return
        if self.after:
            self.dying = True
            return
        self.alive = False
        raise PowerCut(self)

    def after_commit(self) -> None:
        """It is durable. Raises PowerCut where the power goes before anybody hears of it."""
        if self.dying:
            self.alive = False
            raise PowerCut(self)


class Grid:
    """Who runs now: what is opened meanwhile is theirs, and dies with them."""

    def __init__(self) -> None:
        self.running: Life | None = None
        self._statements = 0

    def begin_step(self) -> None:
        """Statements are counted anew."""
        self._statements = 0

    def count_statement(self) -> None:
        """One more of this step. Raises NeverEnds."""
        self._statements += 1
        if self._statements > STATEMENTS_PER_STEP_MAX:
            raise NeverEnds(f"more than {STATEMENTS_PER_STEP_MAX} statements in a vault")

    @contextmanager
    def run(self, life: Life) -> Iterator[None]:
        """The block is this program's. Raises PowerCut for one that is dead."""
        life.require()
        before, self.running = self.running, life
        try:
            yield
        finally:
            self.running = before

    @contextmanager
    def wired(self) -> Iterator[None]:
        """Vaults that are opened in the block commit through here."""

        def connect_wired(path: Path, key: VaultKey, mode: Mode) -> Any:
            db = connect(path, key, mode)
            return db if self.running is None else WiredConnection(db, self.running, self)

        # The vault takes its connections from one function, and has no other seam: what a program
        # does between two commits is its own affair.
        database.connect = connect_wired  # type: ignore[attr-defined]  # imported by name there
        try:
            yield
        finally:
            database.connect = connect  # type: ignore[attr-defined]  # put back


class WiredConnection:
    """A vault's connection that works as long as its program lives."""

    def __init__(self, db: Connection, life: Life, grid: Grid) -> None:
        self._db, self._life, self._grid = db, life, grid
        self._execute = db.execute

    def execute(self, statement: str, *parameters: Any) -> Any:
        """As the driver does. Raises PowerCut and NeverEnds besides."""
        self._grid.count_statement()
        if statement == _COMMIT:
            self._life.before_commit()
            done = self._execute(statement)
            self._life.after_commit()
            return done
        if not self._life.alive:
            raise PowerCut(self._life)
        return self._execute(statement, *parameters)

    def executemany(self, statement: str, rows: Any) -> Any:
        """As the driver does. Raises PowerCut besides."""
        self._life.require()
        return self._db.executemany(statement, rows)

    @property
    def in_transaction(self) -> bool:
        """As the driver's."""
        return self._db.in_transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)
