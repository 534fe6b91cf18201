"""Archive what is new: copy, read back, compare, and only then say so.

1. Read the head up to which the journal is archived, and the sealed segments behind it.
2. Check that each is what the terminal sealed and follows the one before: an archive of damaged
   bytes would be worse than none.
3. Put them together into one object, under a name that is its digest.
4. Read the object back; every byte must be as it was written.
5. Move the head, in one transaction, if nobody else has moved it meanwhile.

A run may end at any of these points: the next one begins anew, and an object that nobody counts
on is read again as what it is, the same segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from sentra.cloud import snapshots
from sentra.cloud.archive import decided, lag, register, source
from sentra.cloud.archive.container import (
    ArchiveDamaged,
    ArchiveError,
    ArchiveMissing,
    BranchObject,
    FeedObject,
    JournalObject,
    Lane,
    RegisterObject,
    Stored,
    key_of,
    pack,
    unpack,
)
from sentra.cloud.archive.source import Waiting
from sentra.cloud.company import the_company
from sentra.cloud.objects import ObjectMissing, Objects, ObjectsError
from sentra.failures import Failure

EVERY_MS: Final = 60 * 60 * 1000
"""A journal is archived this often: a day of one till is then some 24 objects of some kilobytes,
and what is not yet archived is still at the till, at the router and in PostgreSQL."""

_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended('sentra archive', 0))")
"""Of a transaction, which a pooler leaves on one connection; a session's might be left behind."""

Told = Callable[[int], None]
"""Called with the number of segments that were archived just now."""


@dataclass(slots=True)
class ArchiveReport:
    """What a run archived, and which journals it had to leave with what reason."""

    objects: int = 0
    segments: int = 0
    size_bytes: int = 0
    is_another_at_it: bool = False
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Archivist:
    """What archiving needs. `now_ms` is asked once a run."""

    engine: Engine
    objects: Objects
    key: Ed25519PrivateKey
    now_ms: int

    def run(self, *, all_of_it: bool = False, told: Told = lambda _: None) -> ArchiveReport:
        """Archive every journal that is due, or everything that is not archived yet.

        A second run at the same time leaves at once: that only saves work, since the heads move
        by comparison. What cannot be archived holds up nothing but its own journal; a store that
        is away ends the run. Either is in the report, and noted in the database.
        """
        report = ArchiveReport()
        with self.engine.connect() as guard:
            if not guard.execute(_LOCK).scalar_one():
                report.is_another_at_it = True
                return report
            try:
                self._run(report, all_of_it=all_of_it, told=told)
            except ObjectsError as failure:
                report.failures.append(failure)
            with self.engine.begin() as connection:
                lag.note_run(connection, self.now_ms, failed=bool(report.failures))
        return report

    def _run(self, report: ArchiveReport, *, all_of_it: bool, told: Told) -> None:
        with self.engine.connect() as connection:
            company = the_company(connection).id
            before_ms = None if all_of_it else self.now_ms - EVERY_MS
            waiting = source.journals_waiting(connection, before_ms)
            present = register.read_register(connection, self.now_ms)
            feeds_before_ms = None if all_of_it else self.now_ms - decided.EVERY_MS
            scopes = decided.feeds_due(connection, feeds_before_ms)
        self._keep_register(present, report)
        moved: dict[str, None] = {}
        for journal in waiting:
            try:
                for done in self._archive(company, journal):
                    _count(report, *done)
                    moved[journal.branch_id] = None
                    told(done[0])
            except ArchiveError as failure:
                report.failures.append(failure)
        for branch_id in moved:
            self._keep_branch(company, branch_id, report)
        for scope in scopes:
            try:
                self._keep_feed(company, scope, report)
            except ArchiveError as failure:
                report.failures.append(failure)

    def _archive(self, company: str, journal: Waiting) -> Iterator[tuple[int, int]]:
        """(segments, bytes) of each object that was written, main line first."""
        for lane in ("main", "fork"):
            while True:
                with self.engine.connect() as connection:
                    found = source.read_next(connection, journal, lane)
                if found is None:
                    break
                yield self._keep_journal(company, journal, lane, found)

    def _keep_journal(
        self, company: str, journal: Waiting, lane: Lane, found: source.Found
    ) -> tuple[int, int]:
        with self.engine.connect() as connection:
            head = source.check(connection, journal, lane, found)
        stored = JournalObject(
            company=company,
            branch=journal.branch_id,
            terminal=journal.terminal_id,
            lane=lane,
            epoch=head.epoch,
            seq=head.seq,
            at_ms=self.now_ms,
            before=found.last_key,
            segments=tuple(found.segments),
        )
        key, data = self._put(stored)
        reached = head if lane == "main" else found.head
        with self.engine.begin() as connection:
            if source.move_head(connection, journal, found, reached, key, self.now_ms):
                source.note_object(connection, stored, key, len(data), self.now_ms)
                if lane == "fork":
                    source.note_forks(connection, journal, found.segments, key)
        return len(found.segments), len(data)

    def _keep_register(self, present: RegisterObject, report: ArchiveReport) -> None:
        """Write who is who, if it changed or is no longer there."""
        with self.engine.connect() as connection:
            last = source.last_key(connection, "register")
        if last is not None:
            try:
                known = unpack(last, self.objects.read(last), self.key.public_key())
                if isinstance(known, RegisterObject) and register.is_same(known, present):
                    return
            except (ArchiveError, ObjectMissing) as failure:
                report.failures.append(failure)
        self._note(present, report)

    def _keep_feed(self, company: str, scope: str, report: ArchiveReport) -> None:
        """Write what a scope says now."""
        with self.engine.connect() as connection:
            timeline = the_company(connection).timeline
            revision, packed = snapshots.packed_state(connection, scope)
        stored = FeedObject(
            company=company, scope=scope, revision=revision, at_ms=self.now_ms, packed=packed
        )
        self._note(stored, report)
        with self.engine.begin() as connection:
            decided.note_feed(connection, stored, timeline)

    def _keep_branch(self, company: str, branch_id: str, report: ArchiveReport) -> None:
        """Write how far each journal of the branch is archived."""
        with self.engine.connect() as connection:
            marks = source.marks(connection, branch_id)
        stored = BranchObject(company=company, branch=branch_id, at_ms=self.now_ms, journals=marks)
        self._note(stored, report)

    def _note(self, stored: Stored, report: ArchiveReport) -> None:
        key, data = self._put(stored)
        with self.engine.begin() as connection:
            source.note_object(connection, stored, key, len(data), self.now_ms)
        _count(report, 0, len(data))

    def _put(self, stored: Stored) -> tuple[str, bytes]:
        """Put the object and read it back. Raises ArchiveDamaged, ArchiveMissing, ObjectsError."""
        data = pack(stored, self.key)
        key = key_of(stored, data)
        self.objects.put_once(key, data)
        try:
            there = self.objects.read(key)
        except ObjectMissing as error:
            raise ArchiveMissing(key=key) from error
        if there != data:
            raise ArchiveDamaged(key=key, reason="what was read back is not what was written")
        return key, data


def _count(report: ArchiveReport, segments: int, size_bytes: int) -> None:
    report.objects += 1
    report.segments += segments
    report.size_bytes += size_bytes
