"""Checks everything that this vault can prove of its own journal, in one pass, a row at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from sentra.events import Fact
from sentra.finding import OTHER_BYTES, Finding, found
from sentra.projection.rows import Place, Row, project
from sentra.projection.shifts import ShiftSums
from sentra.projection.tables import SHARED
from sentra.projection.tally import Tally
from sentra.protocol.entry import EMPTY, Entry, Head, first_broken, head_of
from sentra.protocol.errors import ProtocolError
from sentra.protocol.messages import Watermark, note_of, watermark_is_true
from sentra.protocol.segment import check_signature, open_segment, sealed_digest
from sentra.vault.driver import Connection
from sentra.vault.entries import (
    dropped_up_to,
    facts,
    hash_at,
    highest_epoch,
    holds,
    pruned_base,
)
from sentra.vault.head_file import was_put_back
from sentra.vault.identity import Identity
from sentra.vault.watermarks import watermark

__all__ = ["FINDINGS_MAX", "Finding", "VaultProof", "head_file", "prove", "verify"]

N_: Final = str
FINDINGS_MAX: Final = 200
"""Findings that are kept: behind a broken entry there may be thousands."""

_EXISTS: Final = {
    table.name: f'SELECT 1 FROM "{table.name}" WHERE '  # noqa: S608 - our own names
    + " AND ".join(f'"{column.name}" IS ?' for column in table.columns)
    for table in SHARED
}

Tell = Callable[[int], None]
"""Called now and then with the number of entries that were read."""


@dataclass(slots=True)
class VaultProof:
    """What was proved: the entries, what their facts add up to, and the first findings."""

    entries: int = 0
    tally: Tally = field(default_factory=Tally)
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0

    def note(self, findings: Iterable[Finding]) -> None:
        """Count findings, and keep the first."""
        for finding in findings:
            self.finding_count += 1
            if len(self.findings) < FINDINGS_MAX:
                self.findings.append(finding)


def verify(db: Connection, identity: Identity) -> list[Finding]:
    """Chain, gaps, sealed bytes, signatures, watermarks, shifts, and the rows against a rebuild."""
    return prove(db, identity).findings


def prove(db: Connection, identity: Identity, tell: Tell = lambda _count: None) -> VaultProof:
    """The same with the sums. Inside one read: what is sold meanwhile is not looked at."""
    proof = VaultProof()
    _Reading(db, identity, proof).read(tell)
    proof.note(_segments(db, identity))
    proof.note(_watermarks(db, identity))
    proof.note(_base(db, identity))
    return proof


def head_file(db: Connection, folder: Path) -> Iterator[Finding]:
    """Whether the head noted beside the database is one that it has, or had."""
    if was_put_back(db, folder):
        yield found("head", 0, 0, N_("the head beside the database names an entry not held here"))


class _Reading:
    """One pass over the journal: each entry against the one before and against its rows."""

    def __init__(self, db: Connection, identity: Identity, proof: VaultProof) -> None:
        self._db, self._identity, self._proof = db, identity, proof
        self._begins = pruned_base(db)
        self._shifts = ShiftSums(whole=self._begins == EMPTY)
        self._expected: Counter[str] = Counter()
        # Only a journal that was put back can hold a fact's identity twice.
        self._seen: set[tuple[str, str]] | None = set() if highest_epoch(db) > 1 else None
        # What is left over chains from the last entry that is gone, the journal from its base.
        self._before = dropped_up_to(db)

    def read(self, tell: Tell) -> None:
        """All entries, then what no entry gives."""
        for entry, fact in facts(self._db, self._identity.device_id):
            self._proof.note(self._entry(entry, fact))
            if not self._is_left_over(entry):
                self._proof.entries += 1
                tell(self._proof.entries)
        self._proof.note(self._surplus())

    def _entry(self, entry: Entry, fact: Fact | None) -> Iterator[Finding]:
        """Behind a broken entry its stored hash is believed again, so that others are found."""
        before = self._base(entry)
        receipt = str(getattr(fact, "receipt_number", ""))
        if first_broken([entry], before) is not None:
            yield found(
                "chain",
                entry.epoch,
                entry.seq,
                N_("it was altered, or does not continue the one before"),
                receipt=receipt or self._receipt(entry),
            )
        self._before = head_of(entry)
        if fact is None:
            yield found(
                "unreadable",
                entry.epoch,
                entry.seq,
                N_("this version does not read “%(fact)s”"),
                fact=f"{entry.kind} {entry.schema}",
                receipt=self._receipt(entry),
            )
            return
        place = Place(self._identity.branch_id, self._identity.device_id, entry.epoch, entry.seq)
        try:
            rows = list(project(place, fact))
        except Exception as error:  # An altered fact may give nothing that a table could hold.
            sentence = N_("it gives no rows: %(error)s")
            yield found(
                "projection", entry.epoch, entry.seq, sentence, error=error, receipt=receipt
            )
            return
        if self._is_second(rows):
            return
        yield from self._rows(entry, rows, receipt)
        if self._is_left_over(entry):
            return
        self._proof.tally.add(fact)
        for name, till, journal in self._shifts.add(fact, entry.epoch, before.hash):
            yield found(
                "shift",
                entry.epoch,
                entry.seq,
                N_("at its close the till said %(name)s %(till)s, its journal says %(journal)s"),
                name=name,
                till=till,
                journal=journal,
            )

    def _is_left_over(self, entry: Entry) -> bool:
        """It was forgotten, and is proved until it is dropped; it counts no more."""
        return (entry.epoch, entry.seq) <= (self._begins.epoch, self._begins.seq)

    def _base(self, entry: Entry) -> Head:
        """What the entry must continue. A new epoch chains to what its row says, which may be an
        entry that this copy lost; the first entry kept, to what was kept of the one before it."""
        before = self._before
        if before is None and entry.seq > 1:
            return Head(
                entry.epoch, entry.seq - 1, hash_at(self._db, entry.epoch, entry.seq - 1) or b""
            )
        before = before or EMPTY
        if entry.epoch == before.epoch:
            return before
        return Head(before.epoch, before.seq, hash_at(self._db, entry.epoch, 0) or before.hash)

    def _rows(self, entry: Entry, rows: list[tuple[str, Row]], receipt: str) -> Iterator[Finding]:
        for table, row in rows:
            self._expected[table] += 1
            if not self._is_there(table, row):
                yield found(
                    "projection",
                    entry.epoch,
                    entry.seq,
                    N_("its row in %(table)s differs"),
                    table=table,
                    receipt=receipt,
                )

    def _is_second(self, rows: list[tuple[str, Row]]) -> bool:
        if self._seen is None:
            return False
        table, row = rows[0]
        key = (table, str(row[1]))
        is_second = key in self._seen
        self._seen.add(key)
        return is_second

    def _is_there(self, table: str, row: Row) -> bool:
        try:
            return self._db.execute(_EXISTS[table], row).fetchone() is not None
        except (OverflowError, UnicodeError):  # What no column could hold is not there.
            return False

    def _surplus(self) -> Iterator[Finding]:
        for table in SHARED:
            count = self._db.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]  # noqa: S608
            if count != self._expected[table.name]:
                yield found(
                    "projection",
                    0,
                    0,
                    N_("%(table)s has %(count)s rows, the journal gives %(expected)s"),
                    table=table.name,
                    count=count,
                    expected=self._expected[table.name],
                )

    def _receipt(self, entry: Entry) -> str:
        """By the row that the entry once gave: its own text may be what was altered."""
        if self._proof.finding_count >= FINDINGS_MAX:
            return ""
        query = "SELECT receipt_number FROM sale WHERE epoch = ? AND seq = ?"
        row = self._db.execute(query, (entry.epoch, entry.seq)).fetchone()
        return "" if row is None else str(row[0])


def _segments(db: Connection, identity: Identity) -> Iterator[Finding]:
    """Each segment against its key, and against the entries that it holds."""
    public = identity.private_key.public_key()
    rows = db.execute(
        "SELECT epoch, first_seq, last_seq, sealed, sha256 FROM sealed_segment ORDER BY 1, 2"
    )
    reached: tuple[int, int] | None = None
    for epoch, first, last, sealed, sha256 in rows:
        if reached is not None and epoch == reached[0] and first != reached[1] + 1:
            yield found("segment", epoch, reached[1] + 1, N_("no segment holds this entry"))
        reached = (epoch, last)
        try:
            header = check_signature(bytes(sealed), public)
            prev = hash_at(db, epoch, first - 1)
            if prev is None:
                yield found("segment", epoch, first, N_("there is no entry before it"))
                continue
            open_segment(bytes(sealed), prev)
        except ProtocolError as error:
            kind = "signature" if error.slug == "signature-wrong" else "segment"
            yield found(kind, epoch, first, error.detail)
            continue
        is_other = (header.epoch, header.first_seq, header.last_seq) != (epoch, first, last)
        if is_other or hash_at(db, epoch, header.last_seq) != header.last_hash:
            yield found("segment", epoch, first, N_("it holds other entries than the journal"))
        elif sha256 is not None and sealed_digest(bytes(sealed)) != sha256:
            yield found("segment", epoch, first, OTHER_BYTES)


def _watermarks(db: Connection, identity: Identity) -> Iterator[Finding]:
    rows = db.execute("SELECT name, at_ms, signature FROM watermark").fetchall()
    for name, at_ms, signature in rows:
        mark = watermark(db, name)
        if not holds(db, mark):
            sentence = N_("the watermark “%(name)s” names an entry not held here")
            yield found("watermark", mark.epoch, mark.seq, sentence, name=name)
        elif signature is not None:
            # Since when the cloud's timeline is what it is, is said of the timeline itself.
            whose = identity.timeline if name == "timeline" else identity.device_id
            said = Watermark(name, whose, note_of(mark), at_ms, signature)
            # As it was written: other letters of the same number are another text.
            is_hex = str(signature) == str(signature).lower().strip()
            if not (is_hex and watermark_is_true(said, identity.cloud_public_key)):
                sentence = N_("the cloud did not sign the watermark “%(name)s”")
                yield found("watermark", mark.epoch, mark.seq, sentence, name=name)


def _base(db: Connection, identity: Identity) -> Iterator[Finding]:
    """Whether the cloud signed that what was dropped here is archived."""
    row = db.execute("SELECT epoch, seq, mark FROM journal_base").fetchone()
    if row is None:
        return
    epoch, seq, text = row
    try:
        mark = msgspec.json.decode(text, type=Watermark)
        is_true = watermark_is_true(mark, identity.cloud_public_key)
    except (msgspec.DecodeError, UnicodeError):
        is_true, mark = False, None
    is_its_own = mark is not None and (mark.name, mark.terminal) == ("archived", identity.device_id)
    if mark is None or not (is_true and is_its_own):
        yield found(
            "head", epoch, seq, N_("the cloud did not sign that what came before is archived")
        )
    elif (mark.head.epoch, mark.head.seq) < (epoch, seq):
        yield found("head", epoch, seq, N_("less is archived than was dropped here"))
