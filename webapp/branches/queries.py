"""Branches, their devices, and the codes that are still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, exists, func, select

from sentra.cloud.tables import branch, device, enrolment_code, exception, journal_head
from webapp.dashboard.attention import OLD_BACKLOG_MS, SILENT_MS
from webapp.places import Place

SKEW_SHOWN_MS: Final = 2 * 60_000
"""A clock that is further off is pointed out; nearer ones do no harm."""

DeviceState = Literal["ok", "behind", "silent", "never", "revoked"]


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A till or router as it last told of itself.

    `epoch` above 1: its journal was put back and went on; `is_forked`: two machines use its name,
    and nobody has settled it yet.
    """

    id: str
    branch_id: str
    role: str
    number: int
    name: str
    state: DeviceState
    last_heard_at_ms: int | None
    enrolled_at_ms: int
    revoked_at_ms: int | None
    software: str
    host: str
    skew_ms: int
    backlog: int
    oldest_waiting_ms: int | None
    addresses: tuple[str, ...]
    via: str | None
    entry_count: int
    head_at_ms: int | None
    epoch: int = 1
    is_forked: bool = False

    @property
    def is_skewed(self) -> bool:
        """Whether its clock is so far off that somebody should set it."""
        return abs(self.skew_ms) >= SKEW_SHOWN_MS


@dataclass(frozen=True, slots=True)
class BranchRow:
    """A branch in the list, with its devices counted by state."""

    place: Place
    active: bool
    address: str
    tills: int
    routers: int
    troubled: int
    backlog: int
    last_heard_at_ms: int | None


@dataclass(frozen=True, slots=True)
class OpenCode:
    """A code that can still be used; the code itself is not kept anywhere."""

    id: str
    role: str
    name: str | None
    lookup: str
    created_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class BranchDetail:
    """A branch with its settings. Amounts in minor units."""

    place: Place
    active: bool
    address: str
    cash_step: int
    cash_direction: str
    receipt_header: str
    receipt_footer: str
    void_limit: int | None
    created_at_ms: int


def read_branches(
    connection: Connection, places: Sequence[Place], now_ms: int
) -> tuple[BranchRow, ...]:
    """The branches with how their devices are."""
    ids = [place.id for place in places]
    devices: dict[str, list[DeviceRow]] = {}
    for each in read_devices(connection, ids, now_ms):
        devices.setdefault(each.branch_id, []).append(each)
    rows = connection.execute(
        select(branch.c.id, branch.c.active, branch.c.address).where(branch.c.id.in_(ids))
    )
    facts = {row.id: row for row in rows}
    return tuple(_branch(place, facts[place.id], devices.get(place.id, [])) for place in places)


def read_branch(connection: Connection, place: Place) -> BranchDetail:
    """One branch with its settings."""
    row = connection.execute(select(branch).where(branch.c.id == place.id)).one()
    return BranchDetail(
        place,
        row.active,
        row.address,
        row.cash_step,
        row.cash_direction,
        row.receipt_header,
        row.receipt_footer,
        row.void_limit,
        row.created_at_ms,
    )


def read_devices(
    connection: Connection, branch_ids: Sequence[str], now_ms: int
) -> tuple[DeviceRow, ...]:
    """The devices of these branches: routers first, then tills by number, revoked ones last."""
    d, h = device.c, journal_head.c
    rows = connection.execute(
        select(
            device,
            func.coalesce(h.entry_count, 0).label("entries"),
            h.moved_at_ms.label("head_at"),
            func.coalesce(h.epoch, 1).label("epoch"),
            _is_forked().label("is_forked"),
        )
        .select_from(
            device.outerjoin(journal_head, (h.branch_id == d.branch_id) & (h.terminal_id == d.id))
        )
        .where(d.branch_id.in_(branch_ids))
        .order_by(d.status, d.role, d.number)
    ).all()
    names = {row.id: row.name for row in rows}
    return tuple(_device(row, names, now_ms) for row in rows)


def read_open_codes(connection: Connection, branch_id: str, now_ms: int) -> tuple[OpenCode, ...]:
    """Codes of a branch that were not used and have not run out."""
    c = enrolment_code.c
    rows = connection.execute(
        select(c.id, c.role, c.name, c.lookup, c.created_at_ms, c.expires_at_ms)
        .where(c.branch_id == branch_id, c.used_at_ms.is_(None), c.expires_at_ms > now_ms)
        .order_by(c.expires_at_ms)
    )
    return tuple(OpenCode(*row) for row in rows)


def device_state(row: Any, now_ms: int) -> DeviceState:
    """How a device is, from what it last told and when."""
    if row.status == "revoked":
        return "revoked"
    if row.last_heard_at_ms is None:
        return "never"
    if row.last_heard_at_ms < now_ms - SILENT_MS:
        return "silent"
    waits = row.oldest_waiting_ms is not None and row.oldest_waiting_ms < now_ms - OLD_BACKLOG_MS
    return "behind" if waits else "ok"


def _device(row: Any, names: dict[str, str], now_ms: int) -> DeviceRow:
    return DeviceRow(
        row.id,
        row.branch_id,
        row.role,
        row.number,
        row.name,
        device_state(row, now_ms),
        row.last_heard_at_ms,
        row.enrolled_at_ms,
        row.revoked_at_ms,
        row.software,
        row.host,
        row.skew_ms,
        row.backlog,
        row.oldest_waiting_ms,
        tuple(row.addresses),
        names.get(row.via) if row.via else None,
        row.entries,
        row.head_at,
        row.epoch,
        row.is_forked,
    )


def _is_forked() -> ColumnElement[bool]:
    """Whether an exception about a second machine waits for somebody."""
    e, d = exception.c, device.c
    return exists().where(
        e.branch_id == d.branch_id,
        e.terminal_id == d.id,
        e.kind == "journal-fork",
        e.resolved_at_ms.is_(None),
    )


def _branch(place: Place, row: Any, devices: Sequence[DeviceRow]) -> BranchRow:
    alive = [each for each in devices if each.state != "revoked"]
    heard = [each.last_heard_at_ms for each in alive if each.last_heard_at_ms is not None]
    return BranchRow(
        place,
        row.active,
        row.address,
        sum(each.role == "terminal" for each in alive),
        sum(each.role == "router" for each in alive),
        sum(each.state != "ok" for each in alive),
        sum(each.backlog for each in alive),
        max(heard, default=None),
    )
