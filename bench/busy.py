"""What the daemon writes much of, each by its own code, in a process of its own as it has."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from bench.failures import BenchFailed
from sentra.link.errors import LinkRefused
from sentra.link.parts import SnapshotPart
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.feed import COMPANY, FeedItem, SealedRevision
from sentra.protocol.journal_page import JournalPage
from sentra.protocol.messages import Hello, HelloAnswer, JournalAnswer, Problem
from sentra.protocol.segment import read_header
from sentra.protocol.snapshot import PART_BYTES, SNAPSHOT_NEEDED, SnapshotNote, write_note
from sentra.vault.database import Vault
from sentra.vault.identity import read_identity
from syncd.daemon.inbound.house import EVERY_MS, House
from syncd.daemon.operations.fetch import fetch_page
from syncd.daemon.operations.ports import CLOUD
from syncd.daemon.operations.restore import ask, recover
from syncd.daemon.outbound.shelf import VaultShelf

KEEP_DAYS: Final = 35
HOUSE_STEPS: Final = 100
"""More than one large shift and its room need."""

_GONE: Final = Problem(
    type=f"urn:sentra:problem:{SNAPSHOT_NEEDED}", title="snapshot needed", status=410
)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A store in memory: one snapshot of the company's feed, and one journal, sealed."""

    note: SnapshotNote | None = None
    packed: bytes = b""
    sealed: Sequence[bytes] = ()

    def hello(self, hello: Hello) -> HelloAnswer:  # noqa: ARG002 - the port's signature
        """Nothing here greets. Raises BenchFailed."""
        raise BenchFailed("a store in memory greets nobody")

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:  # noqa: ARG002 - the same
        """Nothing here is sent. Raises BenchFailed."""
        raise BenchFailed("a store in memory takes nothing")

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:  # noqa: ARG002
        """No revisions are kept: whoever is behind needs the snapshot."""
        if self.note is None or after < self.note.revision:
            raise LinkRefused("the bench", _GONE)
        return self.note.revision, []

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:  # noqa: ARG002
        """The next part."""
        assert self.note is not None  # noqa: S101 - asked for by its feed
        start = start if begun == self.note.sha256 else 0
        return SnapshotPart(write_note(self.note), start, self.packed[start : start + PART_BYTES])

    def journal(self, after: Head) -> JournalPage:
        """All segments behind a head."""
        headers = [read_header(one) for one in self.sealed]
        behind = [
            one
            for one, header in zip(self.sealed, headers, strict=True)
            if (header.epoch, header.last_seq) > (after.epoch, after.seq)
        ]
        return JournalPage(self.head(), behind)

    def head(self) -> Head:
        """The end of the journal."""
        if not self.sealed:
            return EMPTY
        last = read_header(self.sealed[-1])
        return Head(last.epoch, last.last_seq, last.last_hash)


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do on a till's folder. `do` names one of the functions below."""

    folder: Path
    do: str
    store: Shelved = Shelved()
    revision: SealedRevision | None = None
    items: Sequence[FeedItem] = ()
    now_ms: int = 0


def take_snapshot(shelf: VaultShelf, work: Work) -> None:
    """The steps of a feed, from the first question until nothing is left."""
    key = shelf.identity.cloud_public_key
    if work.store.note is not None:
        shelf.set_timeline(work.store.note.timeline)
    while fetch_page(work.store, shelf, COMPANY, key):
        pass


def take_revision(shelf: VaultShelf, work: Work) -> None:
    """One revision of a feed."""
    assert work.revision is not None  # noqa: S101 - given with this work
    shelf.apply(work.revision, work.items)


def seal(shelf: VaultShelf, _work: Work) -> None:
    """A backlog, as before it is sent."""
    while shelf.seal_pending():
        pass


def fetch_back(shelf: VaultShelf, work: Work) -> None:
    """The journal of a till that was put back."""
    began = shelf.head()
    asked = ask(CLOUD, work.store, work.store.head(), shelf)
    recover([asked], shelf, began, work.now_ms)


def forget(_shelf: VaultShelf, work: Work) -> None:
    """The housekeeping: a shift forgotten, and its room given back."""
    vault = Vault.open(work.folder)
    with vault.reader() as db:
        identity = read_identity(db)
    assert identity is not None  # noqa: S101 - the bench enrolled it
    ticks = itertools.count(0, EVERY_MS)
    house = House(vault, identity, KEEP_DAYS, lambda: next(ticks))
    for _ in range(HOUSE_STEPS):
        house.keep(work.now_ms)
    vault.close()


_WORKS: Final[dict[str, Callable[[VaultShelf, Work], None]]] = {
    one.__name__: one for one in (take_snapshot, take_revision, seal, fetch_back, forget)
}


def run(work: Work, tell: Connection) -> None:
    """The process: says when it is ready, waits for the word, and tells the seconds that it took
    and those of the processor among them."""
    vault = Vault.open(work.folder)
    with vault.reader() as db:
        identity = read_identity(db)
    assert identity is not None  # noqa: S101 - the bench enrolled it
    shelf = VaultShelf(vault, identity)
    tell.send(None)
    tell.recv()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    _WORKS[work.do](shelf, work)
    tell.send((time.perf_counter() - began_s, time.process_time() - began_cpu_s))
    vault.close()
