"""The archive as it is found: what is there, whole and in order, and what is not.

Only `ahead` asks a database. Objects of a time that a restore took back are read like all others:
which facts are new is decided by whoever takes them in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, select

from sentra.cloud.archive.container import (
    PREFIX,
    ArchiveAhead,
    ArchiveDamaged,
    ArchivedSegment,
    ArchiveError,
    ArchiveMissing,
    BranchObject,
    Columns,
    FeedObject,
    JournalMark,
    JournalObject,
    Lane,
    RegisterObject,
    Stored,
    end_of,
    is_key,
    unpack,
)
from sentra.cloud.objects import ObjectMissing, Objects
from sentra.cloud.tables import journal_head

RESTORED: Final = "sentra.restored"
"""Entry points: what takes back from the archive what a restored database has lost."""

REGISTERS_READ_MAX: Final = 50
"""A register is written when it says something new. A database that was set back takes what an
older one has at its next archiving, so the newest soon say everything again."""

_Kind = TypeVar("_Kind", JournalObject, BranchObject, RegisterObject, FeedObject)


@dataclass(slots=True)
class Archive:
    """One company's archive. Every read raises ArchiveDamaged or ArchiveMissing with the key.

    `journals` are the keys of each terminal's objects by lane, in the journal's order.
    """

    objects: Objects
    public_key: Ed25519PublicKey
    journals: dict[tuple[str, Lane], list[str]] = field(default_factory=dict)
    _registers: list[str] = field(default_factory=list)
    _branches: list[str] = field(default_factory=list)
    _feeds: list[str] = field(default_factory=list)
    _named: set[str] = field(default_factory=set)

    def look(self) -> None:
        """List what is there."""
        for key in self.objects.keys(PREFIX):
            if not is_key(key):
                continue
            kind, *place = key.removeprefix(PREFIX).split("/")
            if kind == "journal":
                lane: Lane = "main" if place[1].startswith("main-") else "fork"
                self.journals.setdefault((place[0], lane), []).append(key)
            elif kind == "branch":
                self._branches.append(key)
            elif kind == "feed":
                self._feeds.append(key)
            else:
                self._registers.append(key)

    def register(self) -> RegisterObject:
        """Who is who: of every row the newest. A device that was enrolled after the moment to
        which a database was restored is in an older register only. Raises ArchiveMissing."""
        branches: dict[str, Columns] = {}
        devices: dict[str, Columns] = {}
        newest: RegisterObject | None = None
        for key in self._registers[-REGISTERS_READ_MAX:]:
            newest = self._read(key, RegisterObject)
            branches |= {str(row["id"]): row for row in newest.branches}
            devices |= {str(row["id"]): row for row in newest.devices}
        if newest is None:
            raise ArchiveMissing(key=f"{PREFIX}register/")
        return RegisterObject(
            company=newest.company,
            at_ms=newest.at_ms,
            company_row=newest.company_row,
            branches=tuple(branches.values()),
            devices=tuple(devices.values()),
        )

    def marks(self) -> dict[str, JournalMark]:
        """By terminal, how far each journal is archived: the newest word on each branch."""
        newest = {key.split("/")[2]: key for key in self._branches}
        marks: dict[str, JournalMark] = {}
        for key in newest.values():
            marks |= self._read(key, BranchObject).journals
        self._named |= {mark.last_key for mark in marks.values()}
        return marks

    def feeds(self) -> dict[str, str]:
        """By scope, the key of what it said last."""
        return {key.split("/")[2]: key for key in self._feeds}

    def feed(self, key: str) -> FeedObject:
        """What a scope said."""
        return self._read(key, FeedObject)

    def object(self, key: str) -> JournalObject:
        """One object of a journal."""
        found = self._read(key, JournalObject)
        if found.before is not None:
            self._named.add(found.before)
        return found

    def segments(self, terminal: str, lane: Lane) -> Iterator[tuple[str, ArchivedSegment]]:
        """Every segment of a journal with the key of its object, in order."""
        for key in self.journals.get((terminal, lane), ()):
            for segment in self.object(key).segments:
                yield key, segment

    def missing(self) -> Iterator[ArchiveMissing]:
        """Objects that are not there although others name them, of all that were read so far."""
        there = {key for keys in self.journals.values() for key in keys}
        for key in sorted(self._named - there):
            yield ArchiveMissing(key=key)

    def _read(self, key: str, kind: type[_Kind]) -> _Kind:
        found = read_object(self.objects, key, self.public_key)
        if not isinstance(found, kind):
            raise ArchiveDamaged(key=key, reason="it is of another kind than its name")
        return found


def read_object(objects: Objects, key: str, public_key: Ed25519PublicKey) -> Stored:
    """One object, verified. Raises ArchiveMissing, ArchiveDamaged, ObjectsUnavailable."""
    try:
        data = objects.read(key)
    except ObjectMissing as error:
        raise ArchiveMissing(key=key) from error
    return unpack(key, data, public_key)


def audit(
    objects: Objects, keys: Iterable[str], public_key: Ed25519PublicKey
) -> Iterator[ArchiveError | None]:
    """For each key that should be there, what is wrong with it, or None."""
    for key in keys:
        try:
            read_object(objects, key, public_key)
        except ArchiveError as failure:
            yield failure
        else:
            yield None


def ahead(connection: Connection, objects: Objects) -> Iterator[ArchiveAhead]:
    """The journals with which the archive goes on behind what this database has, by the names of
    its objects alone."""
    heads = {
        row.terminal_id: (row.epoch, row.seq) for row in connection.execute(select(journal_head))
    }
    reached: dict[str, tuple[int, int]] = {}
    for key in objects.keys(f"{PREFIX}journal/"):
        end = end_of(key)
        if end is not None:
            terminal, epoch, seq = end
            reached[terminal] = max((epoch, seq), reached.get(terminal, (0, 0)))
    for terminal, there in sorted(reached.items()):
        here = heads.get(terminal, (1, 0))
        if there > here:
            (epoch, seq), (to_epoch, to_seq) = here, there
            yield ArchiveAhead(
                terminal=terminal, epoch=epoch, seq=seq, to_epoch=to_epoch, to_seq=to_seq
            )
