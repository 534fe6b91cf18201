"""What tills have counted and this router counts after them, until the cloud has compared it.

All of it is in memory: a till says its count with every hello, and the cloud up to where it found
the places equal.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from router_agent.outbound import store
from router_agent.outbound.bases import base_of
from sentra.proof import ENTRIES_MAX, Stretch
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import HeadNote, Hello, ProofNote, note_of, sign_proof
from sentra.protocol.segment import open_segment
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity

NOTES_MAX: Final = 60
"""In one hello: a till's and our own for thirty tills. Others follow when these are proved."""


class Proofs:
    """The counts of the branch's tills; threads may share it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lock = threading.Lock()
        self._said: dict[str, ProofNote] = {}
        self._own: dict[str, ProofNote] = {}
        self._proved: Mapping[str, HeadNote] = {}

    def hear(self, terminal: str, hello: Hello) -> bool:
        """What a till said of its own journal; whether that is new."""
        for note in hello.proofs[:1]:
            if note.terminal == terminal == note.by and note.entries <= ENTRIES_MAX:
                with self._lock:
                    if self._said.get(terminal) != note:
                        self._said[terminal] = note
                        self._own.pop(terminal, None)
                        return True
        return False

    def learn(self, proved: Mapping[str, HeadNote]) -> None:
        """Up to where the cloud has compared: what is behind that is said no more."""
        with self._lock:
            self._proved = proved
            for terminal, note in list(self._said.items()):
                if proved.get(terminal) != note.base:
                    del self._said[terminal]
                    self._own.pop(terminal, None)

    def proved(self, terminal: str) -> dict[str, HeadNote]:
        """The cloud's word for one till; empty where it has not said any."""
        with self._lock:
            note = self._proved.get(terminal)
        return {} if note is None else {terminal: note}

    def notes(self, identity: Identity, now_ms: int) -> tuple[ProofNote, ...]:
        """For the next hello: each till's count, and beside it what is counted here."""
        with self._lock:
            said = list(self._said.values())
        found: list[ProofNote] = []
        for note in said[: NOTES_MAX // 2]:
            found += [note, *self._counted(note, identity, now_ms)]
        return tuple(found)

    def _counted(self, note: ProofNote, identity: Identity, now_ms: int) -> list[ProofNote]:
        own = self._own.get(note.terminal)
        if own is None:
            with self._vault.reader() as db:
                counted = count(db, note)
            if counted is None:
                return []
            own = sign_proof(
                identity.private_key,
                ProofNote(
                    terminal=note.terminal,
                    by=identity.device_id,
                    base=note.base,
                    head=note_of(counted.head),
                    entries=counted.entries,
                    tenders=dict(counted.tenders),
                    at_ms=now_ms,
                ),
            )
            with self._lock:
                self._own[note.terminal] = own
        return [own]


def count(db: Connection, note: ProofNote) -> Stretch | None:
    """The same entries as the till counted, from the segments held here; None where this router
    does not hold them all, or cannot read them."""
    try:
        base, end = note.base.to_head(), note.head.to_head()
        begins = base_of(db, note.terminal)
        if (base.epoch, base.seq) < (begins.epoch, begins.seq):
            return None
        if base != EMPTY and _hash_at(db, note.terminal, base) != base.hash:
            return None
        counted = Stretch(base)
        _add_up(db, note.terminal, counted, (end.epoch, end.seq))
    except (ProtocolError, ValueError):
        return None
    reached = (counted.head.epoch, counted.head.seq)
    return counted if reached == (end.epoch, end.seq) else None


def _add_up(db: Connection, terminal: str, counted: Stretch, end: tuple[int, int]) -> None:
    """Raises ProtocolError for a segment that cannot be opened."""
    base = (counted.base.epoch, counted.base.seq)
    before: bytes | None = None
    for held in store.held_segments(db, terminal, after=base):
        epoch, first, _ = held.place
        if (epoch, first) > end:
            return
        if before is None:
            before = store.hash_before(db, terminal, epoch, first) or counted.base.hash
        for entry in open_segment(held.sealed, before):
            before = entry.hash
            if base < (entry.epoch, entry.seq) <= end:
                counted.add(entry)


def _hash_at(db: Connection, terminal: str, place: Head) -> bytes | None:
    return store.hash_at(db, terminal, place.epoch, place.seq)
