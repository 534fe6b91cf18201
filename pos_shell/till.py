"""What every action of a till works on: its vault, clock and randomness, and who stands at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sentra.events import Fact, Person
from sentra.failures import Failure
from sentra.ids import RANDOM_BYTES, uuid7
from sentra.instants import Clock
from sentra.protocol.entry import Entry, head_of
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity, read_identity


class NotEnrolled(Failure):
    """The till does not belong to a branch yet."""

    code = "till-not-enrolled"
    sentence = "This till is not enrolled yet. Enter the code that the back office shows."


@dataclass(slots=True)
class Desk:
    """Who is signed in, and which cart line is marked: in memory only, so a restart asks the PIN."""

    person: Person | None = None
    selected: int | None = None


@dataclass(slots=True)
class Book:
    """One write transaction of a till: the connection, and the facts recorded in it."""

    db: Connection
    identity: Identity
    now_ms: int
    entries: list[Entry] = field(default_factory=list)

    def record(self, fact: Fact) -> Entry:
        """Append a fact to the journal and its rows to the tables, in this transaction."""
        entry = journal.append(self.db, self.identity, fact, self.now_ms)
        self.entries.append(entry)
        return entry


class Till:
    """One terminal: everything that its actions and queries are given."""

    def __init__(self, vault: Vault, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        """`random_bytes(n)` gives n bytes that nobody can guess."""
        self.vault = vault
        self.clock = clock
        self.random_bytes = random_bytes
        self.desk = Desk()
        self._identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Who this terminal is.

        Raises:
            NotEnrolled: it does not know yet.
        """
        found = self.find_identity()
        if found is None:
            raise NotEnrolled()
        return found

    def find_identity(self) -> Identity | None:
        """Who this terminal is, or None before its enrolment."""
        if self._identity is None:
            with self.vault.reader() as db:
                self._identity = read_identity(db)
        return self._identity

    def forget_identity(self) -> None:
        """Read the identity again at its next use: the enrolment or a new epoch has changed it."""
        self._identity = None

    def new_id(self) -> str:
        """A new UUIDv7 of this moment."""
        return uuid7(self.clock(), self.random_bytes(RANDOM_BYTES))

    @contextmanager
    def book(self) -> Iterator[Book]:
        """One write transaction; durable when the block has ended, undone by any exception.

        The journal's head is then also written outside the database, which is how a database
        that was restored from an old copy is noticed at the next start.
        """
        identity = self.identity
        with self.vault.writer() as db:
            book = Book(db, identity, self.clock())
            yield book
        if book.entries:
            journal.write_head_file(self.vault.folder, head_of(book.entries[-1]))
