"""Devices in PostgreSQL: who may speak, and what each said of itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, bindparam, select, update

from sentra.cloud.tables import archive_head, device, journal_head
from sentra.protocol.entry import EMPTY, Head
from sentra.web.devices import KnownDevice
from syncd.service.operations.greet import Heard

# What each hello asks is put together once: that takes longer than PostgreSQL's answer.
_DEVICE: Final = select(
    device.c.role, device.c.branch_id, device.c.public_key, device.c.status
).where(device.c.id == bindparam("device"))
_BRANCH_HEADS: Final = (
    select(
        journal_head.c.terminal_id, journal_head.c.epoch, journal_head.c.seq, journal_head.c.hash
    )
    .where(journal_head.c.branch_id == bindparam("branch"))
    .order_by(journal_head.c.terminal_id)
)
_OWN_HEAD: Final = _BRANCH_HEADS.where(journal_head.c.terminal_id == bindparam("terminal"))
_ARCHIVED: Final = select(
    archive_head.c.terminal_id, archive_head.c.epoch, archive_head.c.seq, archive_head.c.hash
).where(
    archive_head.c.branch_id == bindparam("branch"),
    archive_head.c.terminal_id.in_(bindparam("terminals", expanding=True)),
)
_ADDRESSES: Final = select(device.c.addresses).where(device.c.id == bindparam("device"))
_WRITE: Final = update(device).where(device.c.id == bindparam("device"))


def find_device(connection: Connection, device_id: str) -> KnownDevice | None:
    """An enrolled device, revoked ones too."""
    row = connection.execute(_DEVICE, {"device": device_id}).one_or_none()
    if row is None:
        return None
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(row.public_key))
    return KnownDevice(device_id, row.role, row.branch_id, key, row.status == "revoked")


def journal_heads(
    connection: Connection, branch_id: str, terminal_id: str | None
) -> dict[str, Head]:
    """The heads of the branch's journals, or of one terminal's; empty ones are left out."""
    if terminal_id is None:
        rows = connection.execute(_BRANCH_HEADS, {"branch": branch_id})
    else:
        rows = connection.execute(_OWN_HEAD, {"branch": branch_id, "terminal": terminal_id})
    return {row.terminal_id: Head(row.epoch, row.seq, bytes(row.hash)) for row in rows}


def archive_heads(
    connection: Connection, branch_id: str, terminal_ids: Collection[str]
) -> dict[str, Head]:
    """How far each of these journals is archived; EMPTY where nothing is."""
    wanted = {"branch": branch_id, "terminals": list(terminal_ids)}
    rows = connection.execute(_ARCHIVED, wanted)
    found = {row.terminal_id: Head(row.epoch, row.seq, bytes(row.hash)) for row in rows}
    return dict.fromkeys(terminal_ids, EMPTY) | found


def record(connection: Connection, speaker: KnownDevice, heard: Heard) -> bool:
    """Write down what a device said of itself; whether its addresses are new.

    Rows are locked in the order of their ids, as everywhere, so that nobody waits in a circle.
    """
    told = {speaker.device_id: _own_values(heard), **_terminals_of(connection, speaker, heard)}
    before = connection.execute(_ADDRESSES, {"device": speaker.device_id}).scalar_one()
    for device_id in sorted(told):
        connection.execute(_WRITE, {"device": device_id, **told[device_id]})
    return list(before) != list(heard.addresses)


def _own_values(heard: Heard) -> dict[str, object]:
    return {
        "last_heard_at_ms": heard.at_ms,
        "software": heard.software,
        "skew_ms": heard.skew_ms,
        "backlog": heard.backlog,
        "oldest_waiting_ms": heard.oldest_waiting_ms,
        "addresses": list(heard.addresses),
        "feed": heard.feed,
        "via": None,
    }


def _terminals_of(
    connection: Connection, speaker: KnownDevice, heard: Heard
) -> Mapping[str, dict[str, object]]:
    """What a router said of its branch's terminals."""
    named = heard.waiting.keys() | heard.terminals.keys()
    if speaker.role != "router" or not named:
        return {}
    own = select(device.c.id, device.c.last_heard_at_ms, device.c.feed).where(
        device.c.branch_id == speaker.branch_id,
        device.c.role == "terminal",
        device.c.id.in_(named),
    )
    return {row.id: _passed_on(speaker, heard, row) for row in connection.execute(own)}


def _passed_on(speaker: KnownDevice, heard: Heard, row: Row[Any, Any, Any]) -> dict[str, object]:
    """What changes in a terminal's row. What it said here itself meanwhile may be newer: neither
    the instant nor what it has of the feed goes back."""
    values: dict[str, object] = {"via": speaker.device_id}
    if row.id in heard.waiting:
        values["backlog"] = heard.waiting[row.id]
    note = heard.terminals.get(row.id)
    if note is not None:
        scopes = note.feed.keys() | row.feed.keys()
        values |= {
            "last_heard_at_ms": max(note.at_ms, row.last_heard_at_ms or 0),
            "software": note.software,
            "skew_ms": note.skew_ms,
            "feed": {s: max(note.feed.get(s, 0), row.feed.get(s, 0)) for s in scopes},
        }
    return values
