"""A till's machine that is backed up and put back, and the stores that it meets."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sentra.projection.tables import SHARED
from sentra.protocol.entry import EMPTY, Head, first_broken, head_of
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.epochs import secure_head
from syncd.daemon.operations.greet import (
    Self,
    hello_of,
    note_hello,
)
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName, Talk
from syncd.daemon.operations.restore import Outcome, ask, recover
from syncd.daemon.operations.send import send_next
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS, a_sale
from tests.support.tills import CLOUD_KEY, TIMELINE, an_identity

IDENTITY = an_identity()
TERMINAL = IDENTITY.device_id
CLOUD_PUBLIC = CLOUD_KEY.public_key()
ME = Self("1", 0, None, 0, 0)
DAY_MS = 86_400_000


@dataclass
class Machine:
    """A till's folder, its open vault, and what it says to stores."""

    folder: Path
    vault: Vault
    talks: dict[StoreName, Talk] = field(default_factory=dict)
    began: Head = EMPTY

    @classmethod
    def start(cls, folder: Path) -> Machine:
        """The daemon starts on a folder."""
        vault = Vault.open(folder)
        secure_head(vault, START_MS + DAY_MS)
        machine = cls(folder, vault)
        machine.began = machine.shelf.head()
        return machine

    @property
    def shelf(self) -> VaultShelf:
        """What the daemon sees of the vault."""
        return VaultShelf(self.vault, IDENTITY)

    def sell(self, *numbers: int, amount: int = 4_500) -> None:
        """The till records sales."""
        for number in numbers:
            with self.vault.writer() as db:
                fact = a_sale(number, amount)
                entry = journal.append(db, IDENTITY, fact, START_MS + number * 1000)
            journal.write_head_file(self.folder, head_of(entry))

    def greet(self, name: StoreName, store: MemoryStore) -> Talk:
        """A hello and its answer."""
        talk = self.talks.setdefault(name, Talk(name))
        answer = store.hello(hello_of(self.shelf, ME, START_MS))
        note_hello(talk, answer, self.shelf, CLOUD_PUBLIC, START_MS)
        return talk

    def meet(self, **stores: MemoryStore) -> Outcome:
        """Greets the stores and takes up what they hold, as the daemon does."""
        asked = []
        for name, store in stores.items():
            assert name in (CLOUD, ROUTER)
            talk = self.greet(name, store)
            asked.append(ask(name, store, talk.here, self.shelf))
        outcome = recover(asked, self.shelf, self.began, START_MS + DAY_MS)
        if outcome.done is not None:
            self.began = self.shelf.head()
            for again, store in stores.items():
                assert again in (CLOUD, ROUTER)
                self.greet(again, store)
        return outcome

    def send(self, name: StoreName, store: MemoryStore) -> None:
        """Everything goes to a store."""
        talk = self.greet(name, store)
        while (sent := send_next(store, self.shelf, talk, CLOUD_PUBLIC, START_MS)) and sent.moved:
            pass

    def numbers(self) -> list[int]:
        """The sales of the journal, by number, in its order."""
        with self.vault.reader() as db:
            facts = journal.facts(db, TERMINAL)
            return [int(fact.receipt_number[-4:]) for _, fact in facts if fact is not None]  # type: ignore[union-attr]

    def places(self) -> list[tuple[int, int]]:
        """Epoch and number of every entry."""
        with self.vault.reader() as db:
            return [(e.epoch, e.seq) for e in journal.entries(db, EMPTY, 1_000)]

    def is_whole(self) -> None:
        """The chain holds, every segment opens, and the rows are what a rebuild gives."""
        with self.vault.reader() as db:
            assert journal.verify(db, IDENTITY) == []
            assert first_broken(journal.entries(db, EMPTY, 1_000), EMPTY) is None
            before = rows(db)
        with pytest.raises(Undone), self.vault.writer() as db:
            for table in SHARED:
                db.execute(f'DELETE FROM "{table.name}"')  # noqa: S608 - our own tables
            journal.project_all(db)
            assert rows(db) == before
            raise Undone


class Undone(Exception):
    """Ends a transaction that must leave nothing."""


def rows(db: Connection) -> dict[str, list[str]]:
    """Every row of the projections, by table."""
    names = [table.name for table in SHARED]
    return {name: sorted(map(repr, db.execute(f'SELECT * FROM "{name}"'))) for name in names}  # noqa: S608


def a_store(cloud: bool = False) -> MemoryStore:
    """An empty router, or cloud."""
    key = IDENTITY.private_key.public_key()
    return MemoryStore({TERMINAL: key}, CLOUD_KEY if cloud else None, timeline=TIMELINE)


def copy_of(machine: Machine, name: str) -> Path:
    """A backup of the whole folder, with everything that was committed."""
    machine.vault.close()
    place = machine.folder.with_name(name)
    shutil.copytree(machine.folder, place)
    machine.vault = Vault.open(machine.folder)
    return place


def put_back(machine: Machine, backup: Path, *, whole: bool) -> Machine:
    """The backup in the machine's place: the whole folder, or the database alone."""
    machine.vault.close()
    head_file = (machine.folder / "head.json").read_bytes()
    shutil.rmtree(machine.folder)
    shutil.copytree(backup, machine.folder)
    if not whole:
        (machine.folder / "head.json").write_bytes(head_file)
    return Machine.start(machine.folder)


def a_loss(machine: Machine, store: MemoryStore, name: StoreName) -> Path:
    """Three sales, a backup, and two more that only a store has afterwards."""
    machine.sell(1, 2, 3)
    machine.send(name, store)
    backup = copy_of(machine, "backup")
    machine.sell(4, 5)
    machine.send(name, store)
    return backup
