"""Where the branch's sales and their refunds stand in the segments held.

Taking and forwarding never look into a segment. This reads them afterwards, a portion at a time,
and writes down no more than places; what is told of a sale is its till's own bytes. It can be read
anew at will.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from router_agent.outbound import bases, store
from sentra.events import RefundCompleted, SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.branch import REFUNDS_MAX, FactNote
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import peek
from sentra.vault.database import Vault

ENTRIES_AT_ONCE: Final = 2_000
"""Read in one portion, and one large segment at least: some 30 ms, with a short transaction."""

_Place = tuple[str, int, int]
"""Terminal, epoch, seq."""


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
    """What a portion of one journal held, and the place up to which it was read."""

    end: _Place
    entry_count: int = 0
    sales: list[tuple[str, str, str, int, int]] = field(default_factory=list)
    refunds: list[tuple[str, str, str, int, int]] = field(default_factory=list)


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
    row = db.execute(
        "SELECT epoch, seq FROM ledger_cursor WHERE terminal = ?", (terminal,)
    ).fetchone()
    after, head = tuple(row) if row else (0, 0), store.head_of(db, terminal)
    if after > (head.epoch, head.seq):
        # Another line is held now: its facts are looked at from the beginning.
        after = (0, 0)
    rows = db.execute(
        "SELECT epoch, first_seq, last_seq, sealed FROM held_segment WHERE terminal = ?"
        " AND (epoch, last_seq) > (?, ?) ORDER BY epoch, last_seq",
        (terminal, *after),
    )
    portion = _Portion((terminal, *after))
    for epoch, first_seq, last_seq, sealed in rows:
        portion.end = (terminal, epoch, last_seq)
        portion.entry_count += last_seq - first_seq + 1
        for seq, fact, _note in _facts(bytes(sealed)):
            if isinstance(fact, SaleCompleted):
                row = (fact.sale_id, fact.receipt_number, terminal, epoch, seq)
                portion.sales.append(row)
            elif isinstance(fact, RefundCompleted):
                row = (fact.original_sale_id, fact.refund_id, terminal, epoch, seq)
                portion.refunds.append(row)
        if portion.entry_count >= room:
            break
    return portion if portion.entry_count else None


def _write(db: Any, portion: _Portion) -> None:
    db.executemany("INSERT OR REPLACE INTO ledger_sale VALUES (?, ?, ?, ?, ?)", portion.sales)
    db.executemany("INSERT OR REPLACE INTO ledger_refund VALUES (?, ?, ?, ?, ?)", portion.refunds)
    # The fact is here: it counts from now on, and its claim no longer.
    settled = [(refund_id,) for _sale, refund_id, *_ in portion.refunds]
    db.executemany("DELETE FROM refund_claim WHERE claim_id = ?", settled)
    db.execute("INSERT OR REPLACE INTO ledger_cursor VALUES (?, ?, ?)", portion.end)
    base = bases.base_of(db, portion.end[0])
    for table in ("ledger_sale", "ledger_refund"):
        db.execute(
            f"DELETE FROM {table} WHERE terminal = ? AND (epoch, seq) <= (?, ?)",  # noqa: S608
            (portion.end[0], base.epoch, base.seq),
        )


def _refunds(db: Any, sale_id: str) -> Iterator[tuple[RefundCompleted, FactNote]]:
    rows = db.execute(
        "SELECT terminal, epoch, seq FROM ledger_refund WHERE sale_id = ? LIMIT ?",
        (sale_id, REFUNDS_MAX),
    ).fetchall()
    for place in rows:
        found = _fact_at(db, place)
        if found is not None and isinstance(found[0], RefundCompleted):
            yield found[0], found[1]


def _fact_at(db: Any, place: _Place) -> tuple[SaleCompleted | RefundCompleted, FactNote] | None:
    terminal, epoch, seq = place
    row = db.execute(
        "SELECT sealed FROM held_segment WHERE terminal = ? AND epoch = ? AND last_seq >= ?"
        " ORDER BY last_seq LIMIT 1",
        (terminal, epoch, seq),
    ).fetchone()
    if row is None:
        return None
    return next(((fact, note) for at, fact, note in _facts(bytes(row[0])) if at == seq), None)


def _facts(
    sealed: bytes,
) -> Iterator[tuple[int, SaleCompleted | RefundCompleted, FactNote]]:
    """(seq, fact, its bytes) of the sales and refunds that this version can read."""
    try:
        for seq, kind, schema, body in peek(sealed):
            try:
                fact = decode_fact(kind, schema, body)
            except (UnknownKind, BodyUnreadable):
                continue
            if isinstance(fact, SaleCompleted | RefundCompleted):
                yield seq, fact, FactNote(kind, schema, msgspec.Raw(body))
    except ProtocolError:
        # A damaged disk: `sentra verify` names the place, the branch goes on.
        return
