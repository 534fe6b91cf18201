"""Whether till, router and cloud hold the same: what they counted, compared, and remembered.

A till and its router say in a hello what they counted of a stretch of the till's journal; `keep`
writes that down. `compare` counts the same entries here, and either moves the place up to which
all are equal, or writes down the difference and raises an exception.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from sentra.cloud.tables import device, exception, journal_entry, journal_head, proof
from sentra.ids import is_id, uuid7
from sentra.proof import ENTRIES_MAX, Stretch, differences
from sentra.protocol.entry import EMPTY, Entry, Head
from sentra.protocol.messages import HeadNote, ProofNote, note_of, proof_is_true

PROOF_DIFFERENT: Final = "proof-different"
"""The kind of the exception that a difference raises."""

TILL: Final = "till"
ROUTER: Final = "router"
CLOUD: Final = "cloud"

NOTES_MAX: Final = 200
"""In one hello: far more than one branch has to say."""

AGAIN_MS: Final = 60 * 60 * 1000
"""What differed, or waits for its entries, is compared again this often at most."""

_BLOCK: Final = 2_000
_LENGTH_MAX: Final = 40
"""Of a tender's kind; no till writes a longer one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`place` counted `said` of `what` (entries, hash, or a kind of tender) where the cloud's
    journal has `counted`, between the entries `after` and `up_to`."""

    place: str
    what: str
    said: str
    counted: str
    after: str
    up_to: str


@dataclass(frozen=True, slots=True)
class ProofStatus:
    """Up to where a terminal's journal is proved equal, by whom and when; tenders in minor units.
    `waits` is the place up to which its till has counted on from there and nothing was compared
    yet."""

    epoch: int
    seq: int
    hash: bytes
    entries: int
    tenders: Mapping[str, int]
    places: Sequence[str]
    proved_at_ms: int | None
    waits: HeadNote | None
    difference: Difference | None


# Asked at every hello; putting it together takes longer than PostgreSQL's answer.
_PROVED: Final = select(proof.c.terminal_id, proof.c.epoch, proof.c.seq, proof.c.hash).where(
    proof.c.branch_id == bindparam("branch"),
    proof.c.terminal_id.in_(bindparam("terminals", expanding=True)),
)

NOTHING: Final = ProofStatus(EMPTY.epoch, 0, EMPTY.hash, 0, {}, (), None, None, None)


def read_proof(connection: Connection, branch_id: str, terminal_id: str) -> ProofStatus:
    """What is proved of one terminal."""
    p = proof.c
    row = connection.execute(
        select(proof).where(p.branch_id == branch_id, p.terminal_id == terminal_id)
    ).one_or_none()
    if row is None:
        return NOTHING
    note = _note(row.till)
    goes_on = note is not None and note.base.to_head() == _proved_head(row)
    return ProofStatus(
        row.epoch,
        row.seq,
        bytes(row.hash),
        row.entry_count,
        row.tenders,
        tuple(row.places),
        row.proved_at_ms,
        note.head if note is not None and goes_on else None,
        None if row.difference is None else Difference(**row.difference),
    )


def proved(
    connection: Connection, branch_id: str, terminal_ids: Iterable[str]
) -> dict[str, HeadNote]:
    """Up to where each of these terminals is proved; for one that never was, the beginning."""
    wanted = dict.fromkeys(terminal_ids, note_of(EMPTY))
    rows = connection.execute(_PROVED, {"branch": branch_id, "terminals": list(wanted)})
    known = {row.terminal_id: note_of(Head(row.epoch, row.seq, bytes(row.hash))) for row in rows}
    return wanted | known


# --- What devices say ---------------------------------------------------------------------------


def keep(
    connection: Connection, branch_id: str, speaker_id: str, notes: Sequence[ProofNote]
) -> None:
    """Write down what a till counted of its own journal, or a router of its branch's tills.

    One that its device did not sign, that names another branch's terminal, or that says what no
    till counts, is passed over: it is worth nothing, and harms nothing.
    """
    few = [note for note in notes[:NOTES_MAX] if _is_plain(note, speaker_id)]
    if not few:
        return
    keys = _keys(connection, branch_id, {one for note in few for one in (note.terminal, note.by)})
    kept = _kept(connection, branch_id, {note.terminal for note in few})
    for note in sorted(few, key=lambda one: (one.terminal, one.by)):
        column = TILL if note.by == note.terminal else ROUTER
        key = keys.get(note.by)
        said: dict[str, Any] = msgspec.to_builtins(note)
        if note.terminal not in keys or key is None or kept.get((note.terminal, column)) == said:
            continue
        if proof_is_true(note, key):
            _write(connection, branch_id, note.terminal, column, said)


def _is_plain(note: ProofNote, speaker_id: str) -> bool:
    """Whether a program of ours could have said it. A router passes on what its tills said."""
    try:
        note.base.to_head(), note.head.to_head()
    except ValueError:
        return False
    return (
        (note.by in (note.terminal, speaker_id))
        and 0 < note.entries <= ENTRIES_MAX
        and len(note.tenders) <= _LENGTH_MAX
        and all(len(kind) <= _LENGTH_MAX and kind.isprintable() for kind in note.tenders)
    )


def _keys(
    connection: Connection, branch_id: str, device_ids: Iterable[str]
) -> dict[str, Ed25519PublicKey]:
    d = device.c
    texts = [one for one in device_ids if is_id(one)]
    rows = connection.execute(
        select(d.id, d.public_key).where(
            d.branch_id == branch_id, d.status == "active", d.id.in_(texts)
        )
    )
    return {
        row.id: Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key)) for row in rows
    }


def _kept(
    connection: Connection, branch_id: str, terminal_ids: Iterable[str]
) -> dict[tuple[str, str], Any]:
    p = proof.c
    texts = [one for one in terminal_ids if is_id(one)]
    rows = connection.execute(
        select(p.terminal_id, p.till, p.router).where(
            p.branch_id == branch_id, p.terminal_id.in_(texts)
        )
    ).all()
    return {(row.terminal_id, TILL): row.till for row in rows} | {
        (row.terminal_id, ROUTER): row.router for row in rows
    }


def _write(
    connection: Connection, branch_id: str, terminal_id: str, column: str, said: dict[str, Any]
) -> None:
    row = {"branch_id": branch_id, "terminal_id": terminal_id, "hash": EMPTY.hash, column: said}
    writing = insert(proof).values(row)
    connection.execute(
        writing.on_conflict_do_update(
            index_elements=["branch_id", "terminal_id"], set_={column: said, "looked_at_ms": None}
        )
    )


# --- Comparing ----------------------------------------------------------------------------------


def due(connection: Connection, now_ms: int) -> list[tuple[str, str]]:
    """(branch, terminal) of each till that counted what was not compared yet, or not lately."""
    p = proof.c
    rows = connection.execute(
        select(p.branch_id, p.terminal_id)
        .where(
            p.till.is_not(None),
            or_(p.looked_at_ms.is_(None), p.looked_at_ms <= now_ms - AGAIN_MS),
        )
        .order_by(p.branch_id, p.terminal_id)
    )
    return [(row.branch_id, row.terminal_id) for row in rows]


def compare(connection: Connection, branch_id: str, terminal_id: str, now_ms: int) -> str:
    """Compare what was said of one terminal: equal, different, waiting (for its entries) or none.

    Inside a transaction, which the caller commits.
    """
    p = proof.c
    where = (p.branch_id == branch_id, p.terminal_id == terminal_id)
    row = connection.execute(select(proof).where(*where).with_for_update()).one_or_none()
    till = None if row is None else _note(row.till)
    if row is None or till is None:
        return "none"
    base = _proved_head(row)
    if till.base.to_head() != base:
        # It counted from a place that is another one by now; it will count anew.
        connection.execute(update(proof).where(*where).values(till=None, router=None))
        return "none"
    end = till.head.to_head()
    if not _is_here(connection, branch_id, terminal_id, end):
        connection.execute(update(proof).where(*where).values(looked_at_ms=now_ms))
        return "waiting"
    counted = _count(connection, branch_id, terminal_id, base, end)
    said = {TILL: till, ROUTER: _beside(till, _note(row.router))}
    different = _first_difference(said, counted)
    if different is not None:
        _differ(connection, row, different, now_ms)
        return "different"
    equal = [place for place, note in said.items() if note is not None]
    tenders = Counter(row.tenders)
    tenders.update(counted.tenders)
    connection.execute(
        update(proof)
        .where(*where)
        .values(
            epoch=counted.head.epoch,
            seq=counted.head.seq,
            hash=counted.head.hash,
            entry_count=row.entry_count + counted.entries,
            tenders=dict(tenders),
            places=[*equal, CLOUD],
            proved_at_ms=now_ms,
            till=None,
            router=None,
            looked_at_ms=None,
            difference=None,
        )
    )
    return "equal"


def _proved_head(row: Row[Any]) -> Head:
    return Head(row.epoch, row.seq, bytes(row.hash))


def _note(kept: Any) -> ProofNote | None:
    return None if kept is None else msgspec.convert(kept, ProofNote)


def _beside(till: ProofNote, router: ProofNote | None) -> ProofNote | None:
    """The router's count, where it is of the same stretch."""
    if router is None:
        return None
    places = [(note.base, note.head.epoch, note.head.seq) for note in (till, router)]
    return router if places[0] == places[1] else None


def _is_here(connection: Connection, branch_id: str, terminal_id: str, end: Head) -> bool:
    h = journal_head.c
    head = connection.execute(
        select(h.epoch, h.seq).where(h.branch_id == branch_id, h.terminal_id == terminal_id)
    ).one_or_none()
    return head is not None and (head.epoch, head.seq) >= (end.epoch, end.seq)


def _count(
    connection: Connection, branch_id: str, terminal_id: str, base: Head, end: Head
) -> Stretch:
    """The same stretch, from the entries that are stored here."""
    counted, j = Stretch(base), journal_entry.c
    rows = connection.execute(
        select(journal_entry)
        .where(
            j.branch_id == branch_id,
            j.terminal_id == terminal_id,
            or_(j.epoch > base.epoch, (j.epoch == base.epoch) & (j.seq > base.seq)),
            or_(j.epoch < end.epoch, (j.epoch == end.epoch) & (j.seq <= end.seq)),
        )
        .order_by(j.epoch, j.seq)
        .limit(ENTRIES_MAX + 1),
        execution_options={"yield_per": _BLOCK},
    )
    for row in rows:
        body, digest = bytes(row.body), bytes(row.hash)
        place = (terminal_id, row.epoch, row.seq, row.kind, row.schema)
        counted.add(Entry(*place, row.recorded_at_ms, row.business_date, body, digest))
    return counted


def _first_difference(said: Mapping[str, ProofNote | None], counted: Stretch) -> Difference | None:
    for place, note in said.items():
        for what, theirs, ours in differences(note, counted) if note is not None else ():
            return Difference(
                place,
                what,
                str(theirs),
                str(ours),
                f"{counted.base.epoch}/{counted.base.seq}",
                f"{counted.head.epoch}/{counted.head.seq}",
            )
    return None


def _differ(connection: Connection, row: Row[Any], found: Difference, now_ms: int) -> None:
    """Write a difference down, and raise an exception for it once."""
    p = proof.c
    said: dict[str, Any] = msgspec.to_builtins(found)
    connection.execute(
        update(proof)
        .where(p.branch_id == row.branch_id, p.terminal_id == row.terminal_id)
        .values(difference=said, looked_at_ms=now_ms)
    )
    opening = insert(exception).values(
        branch_id=row.branch_id,
        id=uuid7(now_ms, secrets.token_bytes(10)),
        kind=PROOF_DIFFERENT,
        severity="error",
        terminal_id=row.terminal_id,
        epoch=row.epoch,
        seq=row.seq + 1,
        params=said,
        dedup_key=f"{PROOF_DIFFERENT}:{row.terminal_id}:{found.after}",
        opened_at_ms=now_ms,
    )
    connection.execute(opening.on_conflict_do_nothing())
