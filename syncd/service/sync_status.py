"""What the cloud knows of every journal: `sentra sync status`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, select

from sentra.cloud.tables import archive_head, branch, device, journal_head, proof
from sentra.protocol.entry import EMPTY, Head
from sentra.sync_status import JournalStatus, Mark, PlaceStatus, RouterStatus, mark_of


def read(
    connection: Connection, now_ms: int, *, branch_name: str = "", terminal: str = ""
) -> PlaceStatus:
    """All devices that are not revoked, or those of a branch (its name or code), or one."""
    rows = connection.execute(_devices(branch_name, terminal)).all()
    via = {row.id: row.name for row in rows if row.role == "router"}
    return PlaceStatus(
        "cloud",
        now_ms,
        [_journal(row, via) for row in rows if row.role == "terminal"],
        [_router(row) for row in rows if row.role == "router"],
    )


def _devices(branch_name: str, terminal: str) -> Select[Any]:
    d, h, a, b, p = device.c, journal_head.c, archive_head.c, branch.c, proof.c
    question = (
        select(
            device,
            b.name.label("branch_name"),
            h.epoch,
            h.seq,
            h.hash,
            a.epoch.label("kept_epoch"),
            a.seq.label("kept_seq"),
            a.hash.label("kept_hash"),
            p.epoch.label("proved_epoch"),
            p.seq.label("proved_seq"),
            p.hash.label("proved_hash"),
        )
        .select_from(
            device.join(branch, b.id == d.branch_id)
            .outerjoin(journal_head, (h.branch_id == d.branch_id) & (h.terminal_id == d.id))
            .outerjoin(archive_head, (a.branch_id == d.branch_id) & (a.terminal_id == d.id))
            .outerjoin(proof, (p.branch_id == d.branch_id) & (p.terminal_id == d.id))
        )
        .where(d.status == "active")
        .order_by(b.code, d.role, d.number)
    )
    if branch_name:
        question = question.where((b.name == branch_name) | (b.code == branch_name))
    return question.where(d.id == terminal) if terminal else question


def _journal(row: Row[Any], via: dict[str, str]) -> JournalStatus:
    here = _mark(row.epoch, row.seq, row.hash)
    return JournalStatus(
        branch=row.branch_name,
        name=row.name,
        terminal=row.id,
        held=here,
        cloud=here,
        archived=_mark(row.kept_epoch, row.kept_seq, row.kept_hash),
        proved=_mark(row.proved_epoch, row.proved_seq, row.proved_hash),
        waiting=row.backlog,
        oldest_at_ms=row.oldest_waiting_ms,
        heard_at_ms=row.last_heard_at_ms,
        via=via.get(row.via, ""),
        software=row.software,
        skew_ms=row.skew_ms,
    )


def _mark(epoch: int, seq: int, digest: bytes | None) -> Mark:
    """The beginning where there is no row yet."""
    return mark_of(EMPTY if digest is None else Head(epoch, seq, bytes(digest)))


def _router(row: Row[Any]) -> RouterStatus:
    return RouterStatus(
        branch=row.branch_name,
        name=row.name,
        router=row.id,
        waiting=row.backlog,
        oldest_at_ms=row.oldest_waiting_ms,
        heard_at_ms=row.last_heard_at_ms,
        software=row.software,
        skew_ms=row.skew_ms,
    )
