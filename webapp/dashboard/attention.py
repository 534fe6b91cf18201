"""What needs a person: exceptions, devices that are silent or behind, drawers that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, func, or_, select

from sentra.cloud.tables import device, exception, shift_close
from sentra.instants import add_days, local_date
from webapp.places import Place

SILENT_MS: Final = 10 * 60_000
"""A till or router says hello at least every minute; ten are no hiccup of a line any more."""

OLD_BACKLOG_MS: Final = 5 * 60_000
"""Entries that wait longer than this are not merely on their way."""

DRAWER_DAYS: Final = 7
SHOWN: Final = 4
"""Rows of each kind on the dashboard; the rest is behind a link."""


@dataclass(frozen=True, slots=True)
class SilentDevice:
    """A device that has not been heard of, or that holds back old entries."""

    id: str
    role: str
    name: str
    branch_id: str
    branch: str
    last_heard_at_ms: int | None
    is_silent: bool
    backlog: int


@dataclass(frozen=True, slots=True)
class DrawerDifference:
    """A closed shift whose drawer held more or less than expected."""

    branch_id: str
    shift_id: str
    branch: str
    cashier: str
    date: str
    difference: int


@dataclass(frozen=True, slots=True)
class OpenException:
    """The kind of some open exceptions, how many, and the newest of them."""

    kind: str
    severity: str
    count: int
    newest_at_ms: int


@dataclass(frozen=True, slots=True)
class Attention:
    """All of it, each list cut to `SHOWN`, with how many there are in all."""

    exceptions: tuple[OpenException, ...]
    exception_count: int
    devices: tuple[SilentDevice, ...]
    device_count: int
    drawers: tuple[DrawerDifference, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing needs anybody."""
        return not (self.exception_count or self.device_count or self.drawers)


QUIET: Final = Attention((), 0, (), 0, ())


def read_attention(connection: Connection, places: Sequence[Place], now_ms: int) -> Attention:
    """What needs a person in these branches."""
    by_id = {place.id: place for place in places}
    exceptions = _exceptions(connection, by_id)
    devices = _silent_devices(connection, by_id, now_ms)
    return Attention(
        exceptions[:SHOWN],
        sum(each.count for each in exceptions),
        devices[:SHOWN],
        len(devices),
        _drawers(connection, by_id, now_ms),
    )


def _exceptions(connection: Connection, places: dict[str, Place]) -> tuple[OpenException, ...]:
    e = exception.c
    rows = connection.execute(
        select(e.kind, e.severity, func.count().label("count"), func.max(e.opened_at_ms))
        .where(e.resolved_at_ms.is_(None), e.branch_id.in_(list(places)))
        .group_by(e.kind, e.severity)
        .order_by(func.max(e.opened_at_ms).desc())
    )
    return tuple(OpenException(*row) for row in rows)


def _silent_devices(
    connection: Connection, places: dict[str, Place], now_ms: int
) -> tuple[SilentDevice, ...]:
    d = device.c
    rows = connection.execute(
        select(device)
        .where(
            d.status == "active",
            d.branch_id.in_(list(places)),
            or_(
                d.last_heard_at_ms.is_(None),
                d.last_heard_at_ms < now_ms - SILENT_MS,
                d.oldest_waiting_ms < now_ms - OLD_BACKLOG_MS,
            ),
        )
        .order_by(d.last_heard_at_ms.desc().nulls_last(), d.role, d.number)
    )
    return tuple(
        SilentDevice(
            row.id,
            row.role,
            row.name,
            row.branch_id,
            places[row.branch_id].name,
            row.last_heard_at_ms,
            row.last_heard_at_ms is None or row.last_heard_at_ms < now_ms - SILENT_MS,
            row.backlog,
        )
        for row in rows
    )


def _drawers(
    connection: Connection, places: dict[str, Place], now_ms: int
) -> tuple[DrawerDifference, ...]:
    s = shift_close.c
    first = date.fromisoformat(add_days(local_date(now_ms, "UTC"), -DRAWER_DAYS))
    rows = connection.execute(
        select(s.branch_id, s.shift_id, s.cashier_name, s.business_date, s.difference)
        .where(s.branch_id.in_(list(places)), s.business_date >= first, s.difference != 0)
        .order_by(func.abs(s.difference).desc())
        .limit(SHOWN)
    )
    return tuple(
        DrawerDifference(
            row.branch_id,
            row.shift_id,
            places[row.branch_id].name,
            row.cashier_name,
            row.business_date.isoformat(),
            row.difference,
        )
        for row in rows
    )
