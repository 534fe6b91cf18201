"""Where the branch's sales and refunds stand in the segments held, what each day sold, what moved.

Taking and forwarding never look into a segment. This reads them afterwards, a portion at a time,
and writes down places and sums; what is told of a sale is its till's own bytes. The cursor carries
the hash of the entry that it stands at: where the journal held has another one there, its line was
left, and all that was written down of it goes and is read anew. So sums are exact for that entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from router_agent.operations.sums import Sums, is_plausible
from router_agent.outbound import bases, day_totals, stock_moves, store
from router_agent.outbound.day_totals import Cursor
from sentra.events import Fact, RefundCompleted, SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.branch import REFUNDS_MAX, FactNote
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import peek
from sentra.vault.database import Vault

ENTRIES_AT_ONCE: Final = 2_000
"""Read in one portion, and one large segment at least: some 30 ms, with a short transaction."""

_Place = tuple[str, int, int]
"""Terminal, epoch, seq."""

_Row = tuple[str, str, str, int, int]
"""Of `ledger_sale` or `ledger_refund`: two ids and the place."""


class SaleUnknown(ProtocolError):
    """No sale of that number or id has come to this router, or it is dropped for its age."""

    slug = "sale-unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """A sale with its refunds, as decoded and as their tills wrote them."""

    terminal: str
    sale: SaleCompleted
    note: FactNote
    refunds: Sequence[RefundCompleted]
    refund_notes: Sequence[FactNote]


@dataclass(slots=True)
class _Portion:
    """What a portion of one journal held. `before` is the cursor as it stood, `end` where it comes
    to; `is_anew`: what was written down so far is of a line that was left.

    `sales` and `refunds` are rows of their tables, `sums` those of all its facts: these are looked
    at one by one again only where something among them stood elsewhere or cannot be.
    """

    terminal: str
    before: Cursor | None
    after: tuple[int, int]
    end: Cursor
    is_anew: bool
    entry_count: int = 0
    segments: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    sales: list[_Row] = field(default_factory=list)
    refunds: list[_Row] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)

    def facts(self) -> Iterator[tuple[int, int, Fact | None]]:
        """(epoch, seq, fact) of each entry; None for one that cannot be read. The first entries of
        a segment may lie before the cursor: it was cut into others then."""
        for epoch, first_seq, last_seq, sealed in self.segments:
            try:
                for seq, kind, schema, body in peek(sealed):
                    if (epoch, seq) > self.after:
                        yield epoch, seq, _decoded(kind, schema, body)
            except ProtocolError:
                # A damaged disk: `sentra verify` names the place, the branch goes on.
                for seq in range(first_seq, last_seq + 1):
                    yield epoch, seq, None

    def read(self) -> None:
        """Takes all of it in."""
        terminal, sums, end = self.terminal, self.sums, self.end
        for epoch, seq, fact in self.facts():
            if fact is None:
                end.unread += 1
                continue
            if end.part_of is None:
                end.part_of = fact.business_date
            sums.add(fact)
            if isinstance(fact, SaleCompleted):
                self.sales.append((fact.sale_id, fact.receipt_number, terminal, epoch, seq))
            elif isinstance(fact, RefundCompleted):
                row = (fact.original_sale_id, fact.refund_id, terminal, epoch, seq)
                self.refunds.append(row)


class Ledger:
    """The index of one router. Threads may share it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def read_on(self) -> bool:
        """Reads the next portion; whether there may be more."""
        with self._vault.reader() as db:
            portions = list(_portions(db))
        if not portions:
            return False
        with self._vault.writer() as db:
            for one in portions:
                _write(db, one)
        return True

    def try_unread_again(self) -> None:
        """Journals with entries that could not be read are read anew: this version may know them,
        or the disk was mended."""
        with self._vault.writer() as db:
            query = "SELECT terminal FROM ledger_cursor WHERE unread > 0"
            for (terminal,) in db.execute(query).fetchall():
                forget(db, terminal)

    def find(self, *, receipt_number: str = "", sale_id: str | None = None) -> Told:
        """A sale by the number on its receipt or by its id. Raises SaleUnknown."""
        with self._vault.reader() as db:
            return find_sale(db, receipt_number=receipt_number, sale_id=sale_id)


def find_sale(db: Any, *, receipt_number: str = "", sale_id: str | None = None) -> Told:
    """The same through a connection of the caller's. Raises SaleUnknown."""
    key, value = ("sale_id", sale_id) if sale_id else ("receipt_number", receipt_number)
    row = db.execute(
        f"SELECT sale_id, terminal, epoch, seq FROM ledger_sale WHERE {key} = ?"  # noqa: S608
        " ORDER BY epoch DESC, seq DESC LIMIT 1",
        (value,),
    ).fetchone()
    found = None if row is None else _fact_at(db, row[1:])
    if row is None or found is None or not isinstance(found[0], SaleCompleted):
        raise SaleUnknown("no such sale has come to this router")
    refunds = list(_refunds(db, row[0]))
    facts, notes = [fact for fact, _ in refunds], [note for _, note in refunds]
    return Told(row[1], found[0], found[1], facts, notes)


def _terminals(db: Any) -> list[str]:
    return [row[0] for row in db.execute("SELECT terminal FROM held_head ORDER BY terminal")]


def _portions(db: Any) -> Iterator[_Portion]:
    """What lies behind the cursors, of one journal after the other until it is enough."""
    room = ENTRIES_AT_ONCE
    for terminal in _terminals(db):
        if room <= 0:
            return
        portion = _next(db, terminal, room)
        if portion is not None:
            room -= portion.entry_count
            yield portion


def _next(db: Any, terminal: str, room: int) -> _Portion | None:
    """What lies behind the cursor of one journal, None for nothing."""
    before = day_totals.cursor_of(db, terminal)
    head = store.head_of(db, terminal)
    if before is not None and (before.epoch, before.seq, before.hash) == (
        head.epoch,
        head.seq,
        head.hash,
    ):
        return None
    is_anew = before is not None and not _is_held(db, terminal, before)
    start = before
    if start is None or is_anew:
        start = day_totals.start_of(db, terminal)
    after = start.epoch, start.seq
    portion = _Portion(terminal, before, after, replace(start), is_anew)
    rows = db.execute(
        "SELECT epoch, first_seq, last_seq, sealed FROM held_segment WHERE terminal = ?"
        " AND (epoch, last_seq) > (?, ?) ORDER BY epoch, last_seq",
        (terminal, *after),
    )
    for epoch, first_seq, last_seq, sealed in rows:
        portion.end.epoch, portion.end.seq = epoch, last_seq
        portion.segments.append((epoch, first_seq, last_seq, bytes(sealed)))
        portion.entry_count += last_seq - first_seq + 1
        if portion.entry_count >= room:
            break
    if portion.segments:
        portion.read()
        portion.end.hash = _hash_at(db, terminal, portion.end)
    return portion if portion.segments or is_anew else None


def _decoded(kind: str, schema: int, body: bytes) -> Fact | None:
    try:
        return decode_fact(kind, schema, body)
    except (UnknownKind, BodyUnreadable):
        return None


def _is_held(db: Any, terminal: str, cursor: Cursor) -> bool:
    """Whether the journal held has the cursor's entry, and so by the chain all before it."""
    return _hash_at(db, terminal, cursor) == cursor.hash


def _hash_at(db: Any, terminal: str, cursor: Cursor) -> bytes | None:
    """None where it is not held, or lies in a damaged segment."""
    try:
        return store.hash_at(db, terminal, cursor.epoch, cursor.seq)
    except ProtocolError:
        return None


def _write(db: Any, portion: _Portion) -> None:
    terminal = portion.terminal
    if day_totals.cursor_of(db, terminal) != portion.before:
        return  # Another thread has read it meanwhile.
    if portion.is_anew:
        forget(db, terminal)
    sums = portion.sums
    are_new = [_are_new(db, "sale", portion.sales), _are_new(db, "refund", portion.refunds)]
    if not (all(are_new) and sums.are_plausible()):
        sums = _counted_one_by_one(db, portion)
    if day_totals.add(db, terminal, portion.end, sums.days):
        stock_moves.fold(db, terminal)
    stock_moves.add(db, terminal, sums)
    # The fact is here: it counts from now on, and its claim no longer.
    settled = [(refund_id,) for _sale, refund_id, *_place in portion.refunds]
    db.executemany("DELETE FROM refund_claim WHERE claim_id = ?", settled)
    day_totals.put_cursor(db, terminal, portion.end)
    base = bases.base_of(db, terminal)
    for table in ("ledger_sale", "ledger_refund"):
        db.execute(
            f"DELETE FROM {table} WHERE terminal = ? AND (epoch, seq) <= (?, ?)",  # noqa: S608
            (terminal, base.epoch, base.seq),
        )


def _are_new(db: Any, name: str, rows: Sequence[_Row]) -> bool:
    """Writes down where they stand; whether none of them stood elsewhere."""
    query = f"INSERT OR IGNORE INTO ledger_{name} VALUES (?, ?, ?, ?, ?)"  # noqa: S608
    return not rows or db.executemany(query, rows).rowcount == len(rows)


def _counted_one_by_one(db: Any, portion: _Portion) -> Sums:
    """What stands elsewhere counts there alone, and what cannot be counts as unread."""
    sums, terminal = Sums(), portion.terminal
    for epoch, seq, fact in portion.facts():
        if fact is None:
            continue
        stands = _place_of(db, fact) or (terminal, epoch, seq)
        if not is_plausible(fact):
            portion.end.unread += 1
        elif stands == (terminal, epoch, seq):
            sums.add(fact)
        elif stands[0] != terminal:
            row = (stands[0], terminal)
            db.execute("INSERT OR IGNORE INTO ledger_twice VALUES (?, ?)", row)
    return sums


def _place_of(db: Any, fact: Fact) -> _Place | None:
    """Where a sale or a refund of its id stands."""
    if isinstance(fact, SaleCompleted):
        row = db.execute(
            "SELECT terminal, epoch, seq FROM ledger_sale WHERE sale_id = ?", (fact.sale_id,)
        ).fetchone()
    elif isinstance(fact, RefundCompleted):
        row = db.execute(
            "SELECT terminal, epoch, seq FROM ledger_refund WHERE sale_id = ? AND refund_id = ?",
            (fact.original_sale_id, fact.refund_id),
        ).fetchone()
    else:
        return None
    return None if row is None else tuple(row)


def forget(db: Any, terminal: str) -> None:
    """Nothing is written down of a journal; it is read anew. So is another's that has a sale which
    counted in this one."""
    for name in ("sale", "refund", "twice", "day", "product", "cursor"):
        db.execute(f"DELETE FROM ledger_{name} WHERE terminal = ?", (terminal,))  # noqa: S608
    rows = db.execute("SELECT terminal FROM ledger_twice WHERE counted_at = ?", (terminal,))
    others = [other for (other,) in rows.fetchall()]
    db.execute("DELETE FROM ledger_twice WHERE counted_at = ?", (terminal,))
    for other in others:
        forget(db, other)


def _refunds(db: Any, sale_id: str) -> Iterator[tuple[RefundCompleted, FactNote]]:
    rows = db.execute(
        "SELECT terminal, epoch, seq FROM ledger_refund WHERE sale_id = ? LIMIT ?",
        (sale_id, REFUNDS_MAX),
    ).fetchall()
    for place in rows:
        found = _fact_at(db, place)
        if found is not None and isinstance(found[0], RefundCompleted):
            yield found[0], found[1]


def _fact_at(db: Any, place: _Place) -> tuple[Fact, FactNote] | None:
    terminal, epoch, seq = place
    row = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? AND epoch = ? AND last_seq >= ?"
        " ORDER BY last_seq LIMIT 1",
        (terminal, epoch, seq),
    ).fetchone()
    try:
        for at, kind, schema, body in peek(bytes(row[0])) if row else ():
            fact = _decoded(kind, schema, body) if at == seq else None
            if fact is not None:
                return fact, FactNote(kind, schema, msgspec.Raw(body))
    except ProtocolError:
        return None
    return None
