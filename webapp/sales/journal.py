"""The way of one entry: written at the till, taken by the router, committed in the cloud.

Everything that is shown as right was checked just now: the entry's hash against the one before
it, and its segment's signature against the terminal's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, exists, or_, select

from sentra.cloud.tables import archive_head, device, journal_entry, segment
from sentra.protocol.entry import GENESIS, entry_hash, terminal_bytes
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import check_signature, open_segment

Checked = Literal["right", "wrong", "unknown"]


@dataclass(frozen=True, slots=True)
class Way:
    """An entry's way. Instants are each place's own clock; None where it did not pass.

    `hash_state`: the entry follows from the one before. `signature_state`: the terminal signed
    the segment, and the segment holds this very entry.
    """

    terminal_id: str
    terminal: str
    epoch: int
    seq: int
    kind: str
    schema: int
    hash: bytes
    recorded_at_ms: int
    router: str | None
    router_at_ms: int | None
    cloud_at_ms: int | None
    hash_state: Checked
    signature_state: Checked
    segment_first: int | None
    segment_last: int | None
    is_archived: bool


def read_way(
    connection: Connection, branch_id: str, terminal_id: str, epoch: int, seq: int
) -> Way | None:
    """The way of one entry; None where the journal does not have it."""
    entry = _entry(connection, branch_id, terminal_id, epoch, seq)
    if entry is None:
        return None
    sealed = _segment(connection, branch_id, terminal_id, epoch, seq)
    names = _devices(connection, (terminal_id, sealed.custody_router if sealed else None))
    terminal = names.get(terminal_id)
    custody = sealed.custody_router if sealed else None
    router = names.get(custody) if custody else None
    return Way(
        terminal_id,
        terminal.name if terminal else terminal_id,
        epoch,
        seq,
        entry.kind,
        entry.schema,
        bytes(entry.hash),
        entry.recorded_at_ms,
        (router.name if router else custody) if custody else None,
        sealed.custody_at_ms if sealed else None,
        sealed.received_at_ms if sealed else None,
        _hash_state(connection, branch_id, entry),
        _signature_state(connection, branch_id, entry, sealed, terminal),
        sealed.first_seq if sealed else None,
        sealed.last_seq if sealed else None,
        _is_archived(connection, branch_id, terminal_id, epoch, seq),
    )


def _entry(
    connection: Connection, branch_id: str, terminal_id: str, epoch: int, seq: int
) -> Any | None:
    e = journal_entry.c
    return connection.execute(
        select(journal_entry).where(
            e.branch_id == branch_id, e.terminal_id == terminal_id, e.epoch == epoch, e.seq == seq
        )
    ).one_or_none()


def _segment(
    connection: Connection, branch_id: str, terminal_id: str, epoch: int, seq: int
) -> Any | None:
    s = segment.c
    return connection.execute(
        select(segment)
        .where(
            s.branch_id == branch_id,
            s.terminal_id == terminal_id,
            s.epoch == epoch,
            s.last_seq >= seq,
            s.first_seq <= seq,
        )
        .order_by(s.last_seq)
        .limit(1)
    ).one_or_none()


def _is_archived(
    connection: Connection, branch_id: str, terminal_id: str, epoch: int, seq: int
) -> bool:
    head = archive_head.c
    place = head.branch_id == branch_id, head.terminal_id == terminal_id
    covered = or_(head.epoch > epoch, (head.epoch == epoch) & (head.seq >= seq))
    return bool(connection.execute(select(exists().where(*place, covered))).scalar_one())


def _devices(connection: Connection, ids: tuple[str | None, ...]) -> dict[str, Any]:
    d = device.c
    wanted = [each for each in ids if each]
    rows = connection.execute(select(d.id, d.name, d.public_key).where(d.id.in_(wanted)))
    return {row.id: row for row in rows}


def _hash_before(
    connection: Connection, branch_id: str, terminal_id: str, epoch: int, seq: int
) -> bytes | None:
    """The hash that the entry at this place chains to; None where it is not here."""
    if epoch == 1 and seq == 1:
        return GENESIS
    e = journal_entry.c
    journal = (e.branch_id == branch_id) & (e.terminal_id == terminal_id)
    # The first entry of an epoch follows the last one before, and epochs leave numbers out.
    place = (e.epoch == epoch) & (e.seq == seq - 1) if seq > 1 else e.epoch < epoch
    row = connection.execute(
        select(e.hash).where(journal, place).order_by(e.epoch.desc(), e.seq.desc()).limit(1)
    ).one_or_none()
    return None if row is None else bytes(row.hash)


def _hash_state(connection: Connection, branch_id: str, entry: Any) -> Checked:
    before = _hash_before(connection, branch_id, entry.terminal_id, entry.epoch, entry.seq)
    if before is None:
        return "unknown"
    digest = entry_hash(
        terminal_bytes(entry.terminal_id),
        entry.epoch,
        entry.seq,
        entry.kind.encode(),
        entry.schema,
        entry.recorded_at_ms,
        entry.business_date.encode(),
        bytes(entry.body),
        before,
    )
    return "right" if digest == bytes(entry.hash) else "wrong"


def _signature_state(
    connection: Connection, branch_id: str, entry: Any, sealed: Any | None, terminal: Any | None
) -> Checked:
    if sealed is None or terminal is None:
        return "unknown"
    before = _hash_before(connection, branch_id, entry.terminal_id, entry.epoch, sealed.first_seq)
    if before is None:
        return "unknown"
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(terminal.public_key))
    content = bytes(sealed.sealed)
    try:
        header = check_signature(content, key)
        inside = open_segment(content, before)[entry.seq - header.first_seq]
    except (ProtocolError, IndexError):
        return "wrong"
    same = header.terminal == entry.terminal_id and inside.hash == bytes(entry.hash)
    return "right" if same else "wrong"
