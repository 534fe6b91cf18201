"""The archive, taken in again as if the branches had just sent it: into an empty database.

Each branch's segments come in the order in which the cloud received them, so that of a fact that
was recorded twice the same one counts. Signatures, chain and gaps are checked as an append does,
by the very same code; what does not fit is named, and holds up only its own journal.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg2 import extensions
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from sentra.cloud import devices, feed
from sentra.cloud.archive import decided, register
from sentra.cloud.archive.container import ArchivedSegment, ArchiveError, Columns, JournalMark, Lane
from sentra.cloud.archive.read import Archive
from sentra.cloud.branches import publish_branch
from sentra.cloud.company import company_item, find_company, the_company
from sentra.cloud.findings import raise_findings
from sentra.cloud.identity import new_id
from sentra.cloud.tables import archive_head, archived_fork, journal_head
from sentra.projection.findings import Finding
from sentra.projection.rollups import Increments, no_increments
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Custody, Parcel
from sentra.protocol.errors import ChainBroken, ProtocolError
from sentra.protocol.feed import COMPANY, FeedItem
from sentra.protocol.segment import read_header
from syncd.service.operations import findings as found
from syncd.service.operations.journals import (
    Carrier,
    Delivery,
    Journal,
    Known,
    Piece,
    Terminal,
    admit,
    places_needed,
    take,
)
from syncd.service.operations.project import merge
from syncd.service.outbound import copy_format, journal_store, projection_store
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.rebuild.take_back import note_taken_back

RUN_ENTRIES: Final = 2_000
"""Entries that are written at once, as the service does."""

Told = Callable[[int], None]


class DecisionsMissing(ArchiveError):
    """The archive holds facts and no word of what was decided."""

    code = "rebuild-undecided"
    sentence = (
        "The archive does not say what was decided. A till that reaches this database drops its "
        "products and people: make them here before it does."
    )


class DatabaseNotEmpty(ArchiveError):
    """There is a company in the database already."""

    code = "rebuild-not-empty"
    sentence = (
        "This database has a company already. A rebuild from the archive goes into an empty one: "
        "make it, run `sentra db migrate` on it, and name it in SENTRA_DATABASE_URL."
    )


class JournalIncomplete(ArchiveError):
    """What is in the archive does not make a whole journal."""

    code = "rebuild-incomplete"
    sentence = (
        "The journal of terminal %(terminal)s ends at entry %(epoch)s/%(seq)s: object %(key)s "
        "does not follow (%(problem)s)."
    )


class JournalShort(ArchiveError):
    """The archive said that it has more of a journal than is there."""

    code = "rebuild-short"
    sentence = (
        "The journal of terminal %(terminal)s ends at entry %(epoch)s/%(seq)s, and was archived up "
        "to %(to_epoch)s/%(to_seq)s."
    )


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A segment and the object that it lies in."""

    key: str
    lane: Lane
    terminal: Terminal
    segment: ArchivedSegment

    @property
    def delivery(self) -> Delivery:
        """As an envelope would have brought it. Raises SegmentDamaged."""
        one = self.segment
        stamp = None
        if one.custody_router is not None and one.custody_at_ms is not None:
            stamp = Custody(one.custody_router, one.custody_at_ms)
        return Delivery(read_header(one.sealed), Parcel(one.sealed, stamp))


@dataclass(slots=True)
class _Line:
    """One journal on its way in."""

    head: Head = EMPTY
    entry_count: int = 0
    moved_at_ms: int = 0
    is_broken: bool = False


@dataclass(slots=True)
class _Branch:
    """What the segments of one branch add up to."""

    branch_id: str
    lines: dict[str, _Line] = field(default_factory=dict)
    sums: Increments = field(default_factory=no_increments)
    findings: list[Finding] = field(default_factory=list)
    run: list[tuple[Piece, _Arrival]] = field(default_factory=list)
    run_entries: int = 0


@dataclass(slots=True)
class Replay:
    """One rebuild from an archive that was looked at. `failures` name what was not whole."""

    connection: Connection
    archive: Archive
    signing_key: Ed25519PrivateKey
    now_ms: int
    told: Told = lambda _: None
    entries: int = 0
    decisions: int = 0
    failures: list[ArchiveError] = field(default_factory=list)

    def run(self) -> None:
        """Take everything in; the caller commits. Raises DatabaseNotEmpty, ArchiveMissing and
        ArchiveDamaged for the register, without which nobody is known."""
        if find_company(self.connection) is not None:
            raise DatabaseNotEmpty
        known = self.archive.register()
        timeline = str(uuid.uuid4())
        register.write_register(self.connection, known, timeline=timeline, now_ms=self.now_ms)
        terminals: dict[str, list[Terminal]] = {}
        for row in known.devices:
            if row["role"] == "terminal":
                terminal = _terminal(row)
                terminals.setdefault(terminal.branch_id, []).append(terminal)
        self._take_decided()
        marks = self._marks()
        for branch_row in known.branches:
            branch_id = str(branch_row["id"])
            self._take_branch(branch_id, terminals.get(branch_id, []), marks)
        self.failures += list(self.archive.missing())
        note_taken_back(self.connection, timeline, self.archive, self.now_ms)
        self._publish(
            [str(row["id"]) for row in known.branches], [str(r["id"]) for r in known.devices]
        )

    def _take_decided(self) -> None:
        """What tills were told: they drop what a new timeline does not say again."""
        states: dict[str, list[FeedItem]] = {}
        for scope, key in self.archive.feeds().items():
            try:
                states[scope] = decided.items_of(self.archive.feed(key))
            except ArchiveError as failure:
                self.failures.append(failure)
        if COMPANY not in states:
            self.failures.append(DecisionsMissing())
        decided.write_decided(self.connection, states, self.now_ms)
        to, now_ms, signing_key = self.connection, self.now_ms, self.signing_key
        for scope, items in sorted(states.items()):
            feed.publish(to, scope, items, now_ms=now_ms, signing_key=signing_key)
            self.decisions += len(items)

    def _marks(self) -> dict[str, JournalMark]:
        try:
            return self.archive.marks()
        except ArchiveError as failure:
            self.failures.append(failure)
            return {}

    def _take_branch(
        self, branch_id: str, terminals: list[Terminal], marks: dict[str, JournalMark]
    ) -> None:
        here = _Branch(branch_id)
        lanes: tuple[Lane, Lane] = ("main", "fork")
        streams = [self._arrivals(here, each, lane) for each in terminals for lane in lanes]
        for arrival in heapq.merge(*streams, key=_received):
            if arrival.lane == "main":
                self._take(here, arrival)
            else:
                self._take_fork(here, arrival)
        self._write(here)
        if not projection_store.add_sums(self._cursor(), here.sums):
            here.findings.append(Finding(found.SUMS_OVERFLOW, "error", found.SUMS_OVERFLOW))
        if here.findings:
            cursor = self._cursor()
            raise_findings(cursor, branch_id, here.findings, self.now_ms, new_id)
        for terminal_id, line in sorted(here.lines.items()):
            self._end(branch_id, terminal_id, line, marks.get(terminal_id))

    def _arrivals(self, here: _Branch, terminal: Terminal, lane: Lane) -> Iterator[_Arrival]:
        """A journal's segments in one lane."""
        here.lines.setdefault(terminal.device_id, _Line())
        for key in self.archive.journals.get((terminal.device_id, lane), ()):
            try:
                segments = self.archive.object(key).segments
            except ArchiveError as failure:
                # Others may hold the same entries again: what follows them is seen to below.
                self.failures.append(failure)
                continue
            for segment in segments:
                yield _Arrival(key, lane, terminal, segment)

    def _take(self, here: _Branch, arrival: _Arrival) -> None:
        """The pieces that are new of one segment, as `append` would take them."""
        line = here.lines[arrival.terminal.device_id]
        if line.is_broken:
            return
        journal = self._admitted(arrival)
        known = Known(line.head)
        needed = places_needed(journal, line.head)
        if needed:
            self._write(here)
            terminal_id = arrival.terminal.device_id
            hashes = self._store().hashes_at(here.branch_id, {terminal_id: needed})
            known = Known(line.head, hashes[terminal_id])
        for piece in take(journal, known):
            here.run.append((piece, arrival))
            here.run_entries += len(piece.entries)
            line.entry_count += len(piece.entries)
            line.moved_at_ms = arrival.segment.received_at_ms
        line.head = journal.head or line.head
        if journal.problem == ChainBroken.slug:
            # Signed, and of a line that a restore of the database has cut off: nothing is lost.
            journal.forks = journal.deliveries
        if journal.forks:
            self._keep_fork(here, arrival, journal)
        elif journal.outcome in ("gap", "refused"):
            line.is_broken = True
            self.failures.append(_incomplete(arrival, line.head, journal))
        if here.run_entries >= RUN_ENTRIES:
            self._write(here)

    def _admitted(self, arrival: _Arrival) -> Journal:
        terminal = arrival.terminal
        try:
            deliveries = [arrival.delivery]
        except ProtocolError as error:
            journal = Journal(terminal, terminal.device_id, [])
            journal.note("refused", error.slug)
            return journal
        carrier = Carrier(terminal.device_id, "terminal", terminal.branch_id)
        known = {terminal.device_id: terminal}
        (journal,) = admit({terminal.device_id: deliveries}, known, carrier)
        return journal

    def _write(self, here: _Branch) -> None:
        """One run: entries, segments with the custody that they had, rows."""
        if not here.run:
            return
        cursor, pieces = self._cursor(), [piece for piece, _ in here.run]
        entries = (entry for piece in pieces for entry in piece.entries)
        log = copy_format.entries_binary(here.branch_id, entries)
        journal_store.copy_in(cursor, copy_format.COPY_ENTRIES, log)
        segments = copy_format.fields_binary(
            journal_store.segment_row(piece, _carrier(arrival), arrival.segment.received_at_ms)
            for piece, arrival in here.run
        )
        journal_store.copy_in(cursor, copy_format.COPY_SEGMENTS, segments)
        written = projection_store.write(cursor, projection_store.prepare(pieces))
        merge(here.sums, written.increments)
        here.findings += written.findings
        self.entries += here.run_entries
        self.told(here.run_entries)
        here.run, here.run_entries = [], 0

    def _take_fork(self, here: _Branch, arrival: _Arrival) -> None:
        journal = self._admitted(arrival)
        journal.head = here.lines[arrival.terminal.device_id].head
        if journal.problem is not None:
            self.failures.append(_incomplete(arrival, journal.head, journal))
            return
        journal.forks = journal.deliveries
        self._keep_fork(here, arrival, journal)

    def _keep_fork(self, here: _Branch, arrival: _Arrival, journal: Journal) -> None:
        """The lane's segment, and the rows of what only the lane holds by now."""
        self._write(here)
        carrier, at_ms = _carrier(arrival), arrival.segment.received_at_ms
        store = self._store()
        store.keep_forks(here.branch_id, [journal], carrier, at_ms)
        for delivery in journal.forks:
            here.findings.append(found.journal_fork(journal, delivery, carrier.device_id))
            row = journal_store.fork_row(here.branch_id, delivery, carrier, at_ms)
            values = dict(zip(("branch_id", "terminal_id", "sealed_sha256"), row[:3], strict=True))
            new = insert(archived_fork).values(**values, object_key=arrival.key)
            self.connection.execute(new.on_conflict_do_nothing())
        terminal_id = arrival.terminal.device_id
        written = store.project_forks(here.branch_id, [terminal_id], at_ms)
        merge(here.sums, written.increments)
        here.findings += written.findings

    def _end(self, branch_id: str, terminal_id: str, line: _Line, mark: JournalMark | None) -> None:
        """Set the head, and compare it with what the archive says that it has."""
        head = line.head
        values = {"branch_id": branch_id, "terminal_id": terminal_id}
        reached = {"epoch": head.epoch, "seq": head.seq, "hash": head.hash}
        if head.seq:
            self.connection.execute(
                insert(journal_head).values(
                    **values, **reached, entry_count=line.entry_count, moved_at_ms=line.moved_at_ms
                )
            )
        if mark is None:
            return
        to = mark.head.to_head()
        if (head.epoch, head.seq) < (to.epoch, to.seq):
            place = {"epoch": head.epoch, "seq": head.seq}
            aim = {"to_epoch": to.epoch, "to_seq": to.seq}
            self.failures.append(JournalShort(terminal=terminal_id, **place, **aim))
        elif head == to:
            self.connection.execute(
                insert(archive_head).values(
                    **values, **reached, last_key=mark.last_key, moved_at_ms=self.now_ms
                )
            )

    def _publish(self, branch_ids: list[str], device_ids: list[str]) -> None:
        """Let tills and routers have who is who again."""
        to, now_ms, key = self.connection, self.now_ms, self.signing_key
        item = company_item(the_company(to))
        feed.publish(to, COMPANY, [item], now_ms=now_ms, signing_key=key)
        for branch_id in branch_ids:
            publish_branch(to, branch_id, now_ms=now_ms, signing_key=key)
        for device_id in device_ids:
            devices.publish_device(to, device_id, now_ms=now_ms, signing_key=key)

    def _store(self) -> JournalStore:
        return JournalStore(self._plain(), new_id)

    def _plain(self) -> extensions.connection:
        return cast(extensions.connection, self.connection.connection.dbapi_connection)

    def _cursor(self) -> extensions.cursor:
        """psycopg2's own, in the same transaction."""
        return self._plain().cursor()


def _received(arrival: _Arrival) -> tuple[int, bool, str]:
    """As an append does it: of one envelope the main lines first, then the lanes."""
    return arrival.segment.received_at_ms, arrival.lane == "fork", arrival.terminal.device_id


def _carrier(arrival: _Arrival) -> Carrier:
    return Carrier(arrival.segment.delivered_by, "router", arrival.terminal.branch_id)


def _incomplete(arrival: _Arrival, head: Head, journal: Journal) -> JournalIncomplete:
    return JournalIncomplete(
        terminal=arrival.terminal.device_id,
        epoch=head.epoch,
        seq=head.seq,
        key=arrival.key,
        problem=journal.problem or journal.outcome,
    )


def _terminal(row: Columns) -> Terminal:
    return Terminal(
        str(row["id"]),
        str(row["branch_id"]),
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(row["public_key"]))),
        row["status"] == "revoked",
    )
