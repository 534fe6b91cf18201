"""Prove the cloud's database from its journal: `verify_cloud` reads everything and writes nothing.

For each terminal: the chain from its first entry, the signature and bytes of every segment, gaps,
each closed shift's sums against what the till wrote, and the fork lane. For each branch: every row
against a rebuild from the facts, and every roll-up. Facts that were set aside have no rows and are
only chained. Blocks of entries at a time, so that a journal of any length fits into memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2 import extensions
from sqlalchemy import Connection

from sentra.cloud.company import the_company
from sentra.finding import Finding, found
from sentra.projection.aside import Named, named
from sentra.projection.rows import Place, project
from sentra.projection.tally import Tally
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import ENTRIES_MAX, check_signature, sealed_digest
from syncd.service.operations.forks import located
from syncd.service.operations.project import Located
from syncd.service.operations.prove import JournalProof, StoredSegment, fact_of, receipt_of
from syncd.service.operations.prove_rows import KEY_COLUMN, Rows, compare_rows, expect
from syncd.service.outbound import stored
from syncd.service.outbound.fork_store import opened_lane
from syncd.service.outbound.stored import StoredJournal
from syncd.service.outbound.stored_sums import first_wrong_sums

N_: Final = str

DIFFERENCES_MAX: Final = 200
"""Differences that are kept: behind a broken entry there may be thousands."""

Tell = Callable[[int], None]
"""Called with the number of entries that were read, after each block."""


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
    differences: list[Finding] = field(default_factory=list)

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

    def note(self, findings: Iterable[Finding]) -> None:
        """Count findings, and keep the first."""
        for finding in findings:
            self.difference_count += 1
            if len(self.differences) < DIFFERENCES_MAX:
                self.differences.append(finding)


def verify_cloud(
    connection: Connection,
    *,
    branch_ids: Collection[str] | None = None,
    terminal_id: str | None = None,
    tell: Tell = lambda _count: None,
) -> CloudReport:
    """Prove every branch, some, or one terminal of them. Give a connection that reads one snapshot
    (REPEATABLE READ), so that what is sold meanwhile is not taken for a difference."""
    report = CloudReport(the_company(connection).currency)
    for branch_id, name, _ in stored.branches(connection):
        if branch_ids is None or branch_id in branch_ids:
            _Branch(connection, branch_id, name, terminal_id, report, tell).prove()
    report.exceptions = stored.open_exceptions(connection)
    return report


@dataclass(slots=True)
class _Branch:
    """One branch while its journals are read: `rows` counts what the facts give, by table."""

    connection: Connection
    branch_id: str
    name: str
    terminal_id: str | None
    report: CloudReport
    tell: Tell
    rows: Counter[str] = field(default_factory=Counter)
    set_aside: set[Named] = field(default_factory=set)
    lane: dict[tuple[str, str] | None, None] = field(default_factory=dict)
    """Facts of the fork lane at hand that no entry of the main line has given rows to."""

    def prove(self) -> None:
        """Every journal, or the one that is asked for; then the rows and sums of them together."""
        self.set_aside = stored.set_aside(self.connection, self.branch_id)
        for journal in stored.journals(self.connection, self.branch_id):
            if self.terminal_id in (None, journal.terminal_id):
                self._journal(journal)
        aside = {place for place in self.set_aside if self.terminal_id in (None, place[0])}
        self.report.set_aside += len(aside)
        self.report.note(self._surplus())
        sums = first_wrong_sums(self.connection, self.branch_id, self.terminal_id)
        self.report.note(sums)

    def _journal(self, journal: StoredJournal) -> None:
        about = JournalReport(journal.terminal_id, journal.name, self.name)
        self.report.journals.append(about)
        proof = JournalProof(self.branch_id, journal.terminal_id, journal.public_key)
        before, place = EMPTY, (self.connection, self.branch_id, journal.terminal_id)
        lane = self._lane(journal.terminal_id)
        self.lane = {key: None for one in lane if (key := _key_of(one)) is not None}
        while block := stored.entries_after(*place, before, ENTRIES_MAX):
            to = Head(block[-1].epoch, block[-1].seq, block[-1].hash)
            segments = stored.segments_ending_in(*place, before, to)
            self.report.note(proof.block(block, segments))
            self._facts(block, proof, about)
            about.entries += len(block)
            self.tell(len(block))
            before = to
        self.report.note(proof.end(journal.head, journal.entry_count))
        about.head = proof.head
        self._lane_rows(lane, about)
        for fork in stored.forks(*place):
            self.report.note(_fork(fork, self.branch_id, journal.terminal_id, journal.public_key))

    def _facts(self, block: list[Entry], proof: JournalProof, about: JournalReport) -> None:
        """The block's facts against the rows that are there, shifts at their close."""
        expected: Rows = {}
        for entry in block:
            fact, where = fact_of(entry), (entry.terminal, entry.epoch, entry.seq)
            aside = named(entry) in self.set_aside
            if fact is None:
                if not aside:
                    self.report.note([_unreadable(self.branch_id, entry)])
                continue
            self.report.note(proof.shift(entry, fact))
            if not aside:
                about.tally.add(fact)
                place = Place(self.branch_id, *where)
                self.report.note(expect(place, fact, expected, receipt_of(fact)))
                if self.lane:
                    self.lane.pop(_key_of(Located(place, entry, fact)), None)
        self._compare(expected)

    def _lane(self, terminal_id: str) -> list[Located]:
        """The facts of a second machine's line that have rows, unless they were set aside."""
        with closing(self.connection.connection.cursor()) as cursor:
            lane = [
                one
                for fork in opened_lane(
                    cast(extensions.cursor, cursor), self.branch_id, terminal_id
                )
                if fork.segment.projected
                for one in located(self.branch_id, fork.entries)[0]
            ]
        return [one for one in lane if named(one.entry) not in self.set_aside]

    def _lane_rows(self, lane: Iterable[Located], about: JournalReport) -> None:
        """Those of the lane's facts that the main line does not hold, each once."""
        expected: Rows = {}
        for one in lane:
            key = _key_of(one)
            if key in self.lane:
                del self.lane[key]
                about.tally.add(one.fact)
                self.report.note(expect(one.place, one.fact, expected, receipt_of(one.fact)))
        self._compare(expected)

    def _compare(self, expected: Rows) -> None:
        self.rows.update({table: len(rows) for table, rows in expected.items()})
        there = {
            table: stored.rows_of(self.connection, table, self.branch_id, {row[1] for row in rows})
            for table, rows in expected.items()
        }
        self.report.note(compare_rows(expected, there))

    def _surplus(self) -> Iterator[Finding]:
        """Rows that no fact gives: there are more of them than there should be."""
        for table in sorted(KEY_COLUMN):
            count = stored.row_count(self.connection, table, self.branch_id, self.terminal_id)
            if count is not None and count > self.rows[table]:
                yield found(
                    "projection",
                    0,
                    0,
                    N_("%(table)s has %(count)s rows, the facts give %(expected)s"),
                    terminal_id=self.terminal_id,
                    branch_id=self.branch_id,
                    table=table,
                    count=count,
                    expected=self.rows[table],
                )


def _key_of(one: Located) -> tuple[str, str] | None:
    """The identity that a fact bears: its first row's table and id."""
    try:
        table, row = next(project(one.place, one.fact))
    except Exception:  # What gives no rows is found where its rows are expected.
        return None
    return table, str(row[1])


def _unreadable(branch_id: str, entry: Entry) -> Finding:
    return found(
        "unreadable",
        entry.epoch,
        entry.seq,
        N_("its fact cannot be read, and no exception says so"),
        terminal_id=entry.terminal,
        branch_id=branch_id,
    )


def _fork(
    fork: StoredSegment, branch_id: str, terminal_id: str, key: Ed25519PublicKey
) -> Iterator[Finding]:
    """A segment beside the main line: kept as it came, and by this terminal's key."""
    sentence = ""
    if sealed_digest(fork.sealed) != fork.sealed_sha256:
        sentence = N_("a segment in the fork lane is not the one that came")
    else:
        try:
            header = check_signature(fork.sealed, key)
        except ProtocolError as error:
            sentence = error.detail
        else:
            says = (header.epoch, header.first_seq, header.last_seq, header.last_hash)
            if says != (fork.epoch, fork.first_seq, fork.last_seq, fork.last_hash):
                sentence = N_("its row says otherwise than its header")
    if sentence:
        place = {"terminal_id": terminal_id, "branch_id": branch_id}
        yield found("fork", fork.epoch, fork.first_seq, sentence, **place)
