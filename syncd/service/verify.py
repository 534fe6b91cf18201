"""Prove the cloud's database from its journal: `verify_cloud` reads everything and writes nothing.

For each terminal: the chain from its first entry, the signature and bytes of every segment, gaps,
and each closed shift's sums against what the till wrote. For each branch: every row and roll-up
against a rebuild from the facts. Facts that were set aside have no rows and are only chained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from sentra.cloud.company import the_company
from sentra.events import Fact
from sentra.projection.rollups import Increments, no_increments
from sentra.projection.rows import Place
from sentra.projection.tally import Tally
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.segment import ENTRIES_MAX
from syncd.service.operations.prove import (
    KEY_COLUMN,
    Difference,
    JournalProof,
    Rows,
    ShiftProof,
    compare_rows,
    compare_sums,
    expect,
)
from syncd.service.outbound import stored
from syncd.service.outbound.stored import StoredJournal

DIFFERENCES_MAX: Final = 200
"""Differences that are kept: behind a broken entry there may be thousands."""


@dataclass(slots=True)
class JournalReport:
    """One terminal's journal: what its facts add up to, and how far it is proved."""

    terminal_id: str
    name: str
    branch: str
    tally: Tally = field(default_factory=Tally)
    head: Head = EMPTY
    entries: int = 0


@dataclass(slots=True)
class CloudReport:
    """What was proved. `differences` are the first of `difference_count`."""

    currency: str
    journals: list[JournalReport] = field(default_factory=list)
    set_aside: int = 0
    exceptions: int = 0
    difference_count: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether everything is as it must be."""
        return self.difference_count == 0

    @property
    def branches(self) -> dict[str, Tally]:
        """The sums by the branches' names."""
        sums: dict[str, Tally] = {}
        for journal in self.journals:
            sums.setdefault(journal.branch, Tally()).merge(journal.tally)
        return sums

    def note(self, differences: Collection[Difference]) -> None:
        """Count differences, and keep the first."""
        self.difference_count += len(differences)
        self.differences.extend(list(differences)[: DIFFERENCES_MAX - len(self.differences)])


@dataclass(slots=True)
class _Branch:
    """What the facts of one branch add up to while they are read."""

    branch_id: str
    set_aside: set[tuple[str, int, int]]
    increments: Increments = field(default_factory=no_increments)
    rows: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Block:
    """Entries that were just chained, and where what they prove is noted."""

    connection: Connection
    here: _Branch
    entries: list[Entry]
    proof: JournalProof
    shifts: ShiftProof
    about: JournalReport
    report: CloudReport


def verify_cloud(
    connection: Connection, *, branch_ids: Collection[str] | None = None
) -> CloudReport:
    """Prove every branch, or some. Give a connection that reads one snapshot (REPEATABLE READ),
    so that what is sold meanwhile is not taken for a difference."""
    report = CloudReport(the_company(connection).currency)
    for branch_id, name in stored.branches(connection):
        if branch_ids is None or branch_id in branch_ids:
            _prove_branch(connection, branch_id, name, report)
    report.exceptions = stored.open_exceptions(connection)
    return report


def _prove_branch(connection: Connection, branch_id: str, name: str, report: CloudReport) -> None:
    here = _Branch(branch_id, stored.set_aside(connection, branch_id))
    for journal in stored.journals(connection, branch_id):
        about = JournalReport(journal.terminal_id, journal.name, name)
        report.journals.append(about)
        _prove_journal(connection, here, journal, about, report)
    report.set_aside += len(here.set_aside)
    report.note(list(_count_rows(connection, here)))
    sums = stored.sums_of(connection, branch_id)
    report.note(list(compare_sums(branch_id, here.increments, sums)))


def _prove_journal(
    connection: Connection,
    here: _Branch,
    journal: StoredJournal,
    about: JournalReport,
    report: CloudReport,
) -> None:
    terminal_id = journal.terminal_id
    proof = JournalProof(here.branch_id, terminal_id, journal.public_key)
    shifts, before = ShiftProof(), EMPTY
    while block := stored.entries_after(
        connection, here.branch_id, terminal_id, before, ENTRIES_MAX
    ):
        to = Head(block[-1].epoch, block[-1].seq, block[-1].hash)
        segments = stored.segments_ending_in(connection, here.branch_id, terminal_id, before, to)
        report.note(list(proof.block(block, segments)))
        _prove_facts(_Block(connection, here, block, proof, shifts, about, report))
        before = to
    report.note(list(proof.end(journal.head, journal.entry_count)))
    about.head, about.entries = proof.head, proof.count


def _prove_facts(at: _Block) -> None:
    """The block's facts against the rows that are there, shifts at their close."""
    expected: Rows = {}
    for entry, fact in _facts(at.entries):
        where = (at.here.branch_id, entry.terminal, entry.epoch, entry.seq)
        aside = where[1:] in at.here.set_aside
        if fact is None:
            if not aside:
                at.report.note([Difference("unreadable", *where, "no exception says so")])
            continue
        place = Place(*where)
        at.report.note(list(at.shifts.add(place, fact, at.proof.hash_before(entry))))
        if not aside:
            at.about.tally.add(fact)
            at.report.note(list(expect(place, fact, expected, at.here.increments)))
    at.here.rows.update({table: len(rows) for table, rows in expected.items()})
    there = {
        table: stored.rows_of(at.connection, table, at.here.branch_id, {row[1] for row in rows})
        for table, rows in expected.items()
    }
    at.report.note(compare_rows(expected, there))


def _facts(block: list[Entry]) -> Iterator[tuple[Entry, Fact | None]]:
    for entry in block:
        try:
            yield entry, decode_fact(entry.kind, entry.schema, entry.body)
        except (UnknownKind, BodyUnreadable):
            yield entry, None


def _count_rows(connection: Connection, here: _Branch) -> Iterator[Difference]:
    """Rows that no fact gives: there are more of them than there should be."""
    for table in sorted(KEY_COLUMN):
        count = stored.row_count(connection, table, here.branch_id)
        if count > here.rows[table]:
            detail = f"{table} has {count} rows, the facts give {here.rows[table]}"
            yield Difference("projection", here.branch_id, None, 0, 0, detail)
