"""A till's shelf in memory and its talk with one store."""

from __future__ import annotations

from dataclasses import dataclass

from sentra.events import Category
from sentra.protocol.entry import Entry, make_entry
from sentra.protocol.feed import SealedRevision
from syncd.daemon.operations.greet import Self, hello_of, note_hello
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName, Talk
from syncd.daemon.operations.send import Sent, send_next
from tests.fakes.memory_shelf import MemoryShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS
from tests.support.tills import BRANCH, CLOUD_KEY, a_revision, an_identity

IDENTITY = an_identity()
TERMINAL = IDENTITY.device_id
CLOUD_PUBLIC = CLOUD_KEY.public_key()
ME = Self("1", 0, None, 0, 0)


def a_store(cloud: bool = False) -> MemoryStore:
    """An empty router, or cloud."""
    key = IDENTITY.private_key.public_key()
    return MemoryStore({TERMINAL: key}, CLOUD_KEY if cloud else None)


def append(shelf: MemoryShelf, count: int, body: bytes = b"{}") -> list[Entry]:
    """Entries at the end of the journal."""
    for _ in range(count):
        made = make_entry(TERMINAL, shelf.head(), "k", 1, START_MS, "2026-11-22", body)
        shelf.entries.append(made)
    return shelf.entries[-count:]


@dataclass
class Line:
    """A till's shelf and its talk with one store."""

    shelf: MemoryShelf
    store: MemoryStore
    talk: Talk

    def greet(self) -> None:
        """A hello and its answer."""
        answer = self.store.hello(hello_of(self.shelf, ME, START_MS))
        note_hello(self.talk, answer, self.shelf, CLOUD_PUBLIC, START_MS)

    def send(self) -> Sent | None:
        """One envelope."""
        return send_next(self.store, self.shelf, self.talk, CLOUD_PUBLIC, START_MS)

    def drain(self, rounds_max: int = 50) -> int:
        """Everything; how many envelopes it took."""
        for count in range(rounds_max):
            sent = self.send()
            if sent is None or not sent.moved:
                return count
        raise AssertionError("it never came to an end")


def a_line(name: StoreName = ROUTER, shelf: MemoryShelf | None = None) -> Line:
    """A till without entries, which nobody greeted yet."""
    shelf = shelf or MemoryShelf(TERMINAL, ("company", BRANCH), IDENTITY.private_key)
    shelf.set_timeline("timeline")
    return Line(shelf, a_store(cloud=name == CLOUD), Talk(name))


def revisions(count: int) -> list[SealedRevision]:
    """Signed revisions of the company's scope, from the first."""
    return [
        a_revision("company", number, [("category", f"c{number}", Category(f"c{number}", "C"))])[0]
        for number in range(1, count + 1)
    ]
