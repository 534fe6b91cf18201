"""Exceptions, open or resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from sentra.cloud.tables import app_user, device, exception, journal_entry, sale
from webapp.places import Place

PAGE_ROWS: Final = 40


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One exception. `sale_id` is the sale that its entry recorded, where it recorded one."""

    branch_id: str
    id: str
    place: Place
    kind: str
    severity: str
    params: dict[str, Any]
    terminal: str | None
    epoch: int | None
    seq: int | None
    opened_at_ms: int
    resolved_at_ms: int | None
    resolved_by: str | None
    resolution: str | None
    projected_at_ms: int | None
    sale_id: str | None = None
    sale_number: str | None = None
    entry_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class ExceptionKind:
    """A kind among the exceptions, for the filter."""

    kind: str
    count: int


def read_exceptions(
    connection: Connection,
    places: Sequence[Place],
    *,
    resolved: bool,
    kind: str = "",
    page: int = 1,
) -> tuple[tuple[ExceptionRow, ...], bool]:
    """One page, the newest first, and whether there are more."""
    question = _exceptions(places, resolved=resolved)
    if kind:
        question = question.where(exception.c.kind == kind)
    rows = connection.execute(
        question.order_by(exception.c.opened_at_ms.desc(), exception.c.id)
        .limit(PAGE_ROWS + 1)
        .offset((page - 1) * PAGE_ROWS)
    ).all()
    by_id = {place.id: place for place in places}
    return tuple(_row(row, by_id[row.branch_id]) for row in rows[:PAGE_ROWS]), len(rows) > PAGE_ROWS


def read_kinds(
    connection: Connection, places: Sequence[Place], *, resolved: bool
) -> tuple[ExceptionKind, ...]:
    """Which kinds there are, the most frequent first."""
    e = exception.c
    state = e.resolved_at_ms.is_not(None) if resolved else e.resolved_at_ms.is_(None)
    rows = connection.execute(
        select(e.kind, func.count())
        .where(e.branch_id.in_([place.id for place in places]), state)
        .group_by(e.kind)
        .order_by(func.count().desc(), e.kind)
    )
    return tuple(ExceptionKind(*row) for row in rows)


def read_exception(connection: Connection, place: Place, exception_id: str) -> ExceptionRow | None:
    """One exception of a branch, with the sale and the entry that it is about."""
    question = _exceptions((place,), resolved=None).where(exception.c.id == exception_id)
    row = connection.execute(question).one_or_none()
    if row is None:
        return None
    found = _row(row, place)
    if row.terminal_id is None or row.epoch is None or row.seq is None:
        return found
    return _with_entry(connection, found, row)


def _exceptions(places: Sequence[Place], *, resolved: bool | None) -> Select[Any]:
    e = exception.c
    question = (
        select(
            exception,
            device.c.name.label("terminal_name"),
            app_user.c.name.label("resolver_name"),
        )
        .select_from(
            exception.outerjoin(device, device.c.id == e.terminal_id).outerjoin(
                app_user, app_user.c.id == e.resolved_by
            )
        )
        .where(e.branch_id.in_([place.id for place in places]))
    )
    if resolved is None:
        return question
    return question.where(e.resolved_at_ms.is_not(None) if resolved else e.resolved_at_ms.is_(None))


def _row(row: Row[Any], place: Place) -> ExceptionRow:
    return ExceptionRow(
        row.branch_id,
        row.id,
        place,
        row.kind,
        row.severity,
        row.params,
        row.terminal_name,
        row.epoch,
        row.seq,
        row.opened_at_ms,
        row.resolved_at_ms,
        row.resolver_name,
        row.resolution,
        row.projected_at_ms,
    )


def _with_entry(connection: Connection, found: ExceptionRow, row: Row[Any]) -> ExceptionRow:
    e, s = journal_entry.c, sale.c
    entry = connection.execute(
        select(e.hash).where(
            e.branch_id == row.branch_id,
            e.terminal_id == row.terminal_id,
            e.epoch == row.epoch,
            e.seq == row.seq,
        )
    ).one_or_none()
    about = connection.execute(
        select(s.sale_id, s.receipt_number)
        .where(
            s.branch_id == row.branch_id,
            s.terminal_id == row.terminal_id,
            s.epoch == row.epoch,
            s.seq == row.seq,
        )
        .limit(1)
    ).one_or_none()
    return replace(
        found,
        sale_id=about.sale_id if about else None,
        sale_number=about.receipt_number if about else None,
        entry_hash=bytes(entry.hash) if entry else None,
    )
