"""What every action of a till works on: its vault, clock and randomness, and who stands at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sentra.events import Fact, Person
from sentra.failures import Failure
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.instants import Clock
from sentra.protocol.entry import Entry, head_of
from sentra.vault import journal
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.driver import Connection
from sentra.vault.epochs import secure_head
from sentra.vault.identity import Identity, read_identity


class NotEnrolled(Failure):
    """The till does not belong to a branch yet."""

    code = "till-not-enrolled"
    sentence = "This till is not enrolled yet. Enter the code that the back office shows."


class NotATerminal(Failure):
    """The folder holds the vault of another kind of device."""

    code = "till-not-a-terminal"
    sentence = (
        "The folder %(folder)s belongs to a router, not to a till. Start the till on a folder of "
        "its own and enrol it with a code for a terminal."
    )


@dataclass(slots=True)
class Desk:
    """Who is signed in, and the cart's marked line: in memory only, so a restart asks the PIN."""

    person: Person | None = None
    selected: int | None = None


@dataclass(slots=True)
class Book:
    """One write transaction of a till: the connection, and the facts recorded in it."""

    db: Connection
    identity: Identity
    now_ms: int
    stored_at_ms: int
    entries: list[Entry] = field(default_factory=list)

    def record(self, fact: Fact) -> Entry:
        """Append a fact to the journal and its rows to the tables, in this transaction."""
        entry = journal.append(self.db, self.identity, fact, self.now_ms, self.stored_at_ms)
        self.entries.append(entry)
        return entry


class Till:
    """One terminal: everything that its actions and queries are given."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        stored_clock: Clock | None = None,
    ) -> None:
        """`random_bytes(n)` gives n bytes that nobody can guess.

        `stored_clock` is today's clock where `clock` stands at the time of what is replayed.
        """
        self.folder = folder
        self.clock = clock
        self.stored_clock = stored_clock or clock
        self.random_bytes = random_bytes
        self.pause: Callable[[float], None] = time.sleep
        self.desk = Desk()
        self._opening = threading.Lock()
        self._vault: Vault | None = None
        self._identity: Identity | None = None
        self._is_foreign = False

    @property
    def is_enrolled(self) -> bool:
        """Whether this folder holds a terminal's vault, as far as it was looked at."""
        if self._is_foreign:
            return False
        return self._vault is not None or (self.folder / DATABASE_FILE).exists()

    @property
    def vault(self) -> Vault:
        """The encrypted database, opened at its first use.

        Raises:
            NotEnrolled: there is none yet; NotATerminal, VaultFailure: as they say.
        """
        with self._opening:
            if self._vault is None:
                if not (self.folder / DATABASE_FILE).exists():
                    raise NotEnrolled()
                vault = Vault.open(self.folder)
                if vault.role != "terminal":
                    vault.close()
                    self._is_foreign = True
                    raise NotATerminal(folder=self.folder)
                # Before anything is written: an old copy that was put back sells in a new epoch.
                secure_head(vault, self.clock())
                self._vault = vault
            return self._vault

    @property
    def identity(self) -> Identity:
        """Who this terminal is. Raises NotEnrolled where it does not know yet."""
        if self._identity is None:
            with self.vault.reader() as db:
                self._identity = read_identity(db)
        if self._identity is None:
            raise NotEnrolled()
        return self._identity

    def forget_identity(self) -> None:
        """Read the identity again at its next use: the daemon has opened a new epoch."""
        self._identity = None

    def new_id(self) -> str:
        """A new UUIDv7 of this moment."""
        return uuid7(self.clock(), self.random_bytes(RANDOM_BYTES))

    @contextmanager
    def book(self, *, note_head: bool = True) -> Iterator[Book]:
        """One write transaction; durable when the block has ended, undone by any exception.

        The journal's head is then also noted outside the database, which is how a database that
        was restored from an old copy is found out at the next start; whoever writes much at once
        may leave it to the last transaction.
        """
        identity = self.identity
        with self.vault.writer() as db:
            book = Book(db, identity, self.clock(), self.stored_clock())
            yield book
        if book.entries and note_head:
            journal.write_head_file(self.folder, head_of(book.entries[-1]))

    def close(self) -> None:
        """Close the database; the till is not used afterwards."""
        with self._opening:
            if self._vault is not None:
                self._vault.close()
                self._vault = None
