"""The figures of today, each branch by its own calendar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Date,
    Float,
    FromClause,
    Integer,
    String,
    case,
    cast,
    column,
    func,
    select,
    values,
)
from sqlalchemy.sql.elements import ColumnElement

from sentra.cloud.tables import app_user, branch, daily_product, hourly_sales, hourly_tender
from sentra.instants import add_days, at_local
from webapp.places import Place

WEEK_DAYS: Final = 7
TOP_PRODUCTS: Final = 8
TOP_CASHIERS: Final = 8
OPENING_HOURS: Final = (7, 20)
"""The hours that the chart shows at least: a quiet morning does not look like a full day."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of some hours: amounts in minor units, refunds as a positive amount."""

    total: int = 0
    sale_count: int = 0
    refund_count: int = 0
    refund_total: int = 0

    @property
    def average(self) -> int | None:
        """What a sale brings on average; None without sales."""
        return (self.total + self.refund_total) // self.sale_count if self.sale_count else None


@dataclass(frozen=True, slots=True)
class Compared:
    """Today so far, the same day last week up to the same time, and that whole day."""

    now: Figures
    then: Figures
    then_whole: Figures


@dataclass(frozen=True, slots=True)
class Share:
    """One of several parts: a branch, a tender, a product or a cashier."""

    key: str
    label: str
    total: int
    count: int
    change: float | None = None


@dataclass(frozen=True, slots=True)
class HourCurve:
    """Sales by hour: today's up to the present hour, None after it, and last week's."""

    hours: tuple[int, ...]
    now: tuple[int | None, ...]
    then: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """What "today" means in one zone: its date, the one a week before, and how far the day is."""

    zone: str
    today: str
    before: str
    hour: int
    share_of_hour: float


NOTHING: Final = Compared(Figures(), Figures(), Figures())
NO_CURVE: Final = HourCurve((), (), ())


def calendars(places: Sequence[Place], now_ms: int) -> tuple[Calendar, ...]:
    """One calendar for each zone that the branches are in."""
    found = []
    # West to east: by the hour that it is there.
    zones = {place.zone: at_local(now_ms, place.zone) for place in places}
    for zone, local in sorted(zones.items(), key=lambda each: each[1].replace(tzinfo=None)):
        today = local.date().isoformat()
        before = add_days(today, -WEEK_DAYS)
        found.append(Calendar(zone, today, before, local.hour, local.minute / 60))
    return tuple(found)


def read_compared(
    connection: Connection, places: Sequence[Place], days: Sequence[Calendar]
) -> tuple[Compared, tuple[Share, ...]]:
    """The figures of all branches together, and each branch's own, largest first."""
    if not places:
        return NOTHING, ()
    day, h = _days(days), hourly_sales.c
    is_today = h.business_date == day.c.today
    elapsed = case((h.hour < day.c.hour, 1.0), (h.hour == day.c.hour, day.c.share), else_=0.0)
    rows = connection.execute(
        _from_sales(
            day,
            places,
            days,
            h.branch_id,
            is_today.label("is_today"),
            *(func.sum(each).label(each.name) for each in _SUMS),
            *(func.sum(each * elapsed).label(f"so_far_{each.name}") for each in _SUMS),
        ).group_by(h.branch_id, is_today)
    ).all()
    return _sum_up(rows), _by_branch(rows, places)


_SUMS: Final = (
    hourly_sales.c.total,
    hourly_sales.c.sale_count,
    hourly_sales.c.refund_count,
    hourly_sales.c.refund_total,
)


def _sum_up(rows: Sequence[Any]) -> Compared:
    def added(is_today: bool, prefix: str) -> Figures:
        chosen = [row for row in rows if row.is_today == is_today]
        names = [each.name for each in _SUMS]
        return Figures(*(round(sum(getattr(r, prefix + name) for r in chosen)) for name in names))

    return Compared(added(True, ""), added(False, "so_far_"), added(False, ""))


def _by_branch(rows: Sequence[Any], places: Sequence[Place]) -> tuple[Share, ...]:
    today = {row.branch_id: row for row in rows if row.is_today}
    before = {row.branch_id: row for row in rows if not row.is_today}
    shares = []
    for place in places:
        now, then = today.get(place.id), before.get(place.id)
        total = int(now.total) if now else 0
        earlier = float(then.so_far_total) if then else 0.0
        change = (total - earlier) / earlier if earlier > 0 else None
        shares.append(Share(place.id, place.name, total, int(now.sale_count) if now else 0, change))
    return tuple(sorted(shares, key=lambda share: -share.total))


def read_curve(
    connection: Connection, places: Sequence[Place], days: Sequence[Calendar]
) -> HourCurve:
    """Sales by hour of day, each branch's own hour, today and a week ago."""
    if not places:
        return NO_CURVE
    day, h = _days(days), hourly_sales.c
    is_today = h.business_date == day.c.today
    rows = connection.execute(
        _from_sales(
            day, places, days, h.hour, is_today.label("is_today"), func.sum(h.total).label("total")
        ).group_by(h.hour, is_today)
    )
    sums: dict[bool, dict[int, int]] = {True: {}, False: {}}
    for row in rows:
        sums[row.is_today][row.hour] = int(row.total)
    latest = max(each.hour for each in days)
    seen = [*sums[True], *sums[False], *OPENING_HOURS]
    hours = tuple(range(min(seen), max(seen) + 1))
    now = tuple(sums[True].get(hour, 0) if hour <= latest else None for hour in hours)
    return HourCurve(hours, now, tuple(sums[False].get(hour, 0) for hour in hours))


def read_tenders(
    connection: Connection, places: Sequence[Place], days: Sequence[Calendar]
) -> tuple[Share, ...]:
    """Today's takings by kind of tender, largest first; the label is the kind."""
    t = hourly_tender.c
    question = _today(t, places, days)
    if question is None:
        return ()
    rows = connection.execute(
        select(t.kind, func.sum(t.amount).label("total"), func.sum(t.tender_count).label("times"))
        .where(question)
        .group_by(t.kind)
        .order_by(func.sum(t.amount).desc())
    )
    return tuple(Share(row.kind, row.kind, int(row.total), int(row.times)) for row in rows)


def read_products(
    connection: Connection, places: Sequence[Place], days: Sequence[Calendar]
) -> tuple[Share, ...]:
    """Today's best sellers by amount; `count` is thousandths of the product's unit."""
    p = daily_product.c
    question = _today(p, places, days)
    if question is None:
        return ()
    rows = connection.execute(
        select(
            p.code,
            func.max(p.name).label("name"),
            func.sum(p.amount).label("total"),
            func.sum(p.quantity_milli).label("quantity_milli"),
        )
        .where(question)
        .group_by(p.code)
        .order_by(func.sum(p.amount).desc(), p.code)
        .limit(TOP_PRODUCTS)
    )
    return tuple(Share(r.code, r.name, int(r.total), int(r.quantity_milli)) for r in rows)


def read_cashiers(
    connection: Connection, places: Sequence[Place], days: Sequence[Calendar]
) -> tuple[Share, ...]:
    """Today's sales by cashier, largest first."""
    h = hourly_sales.c
    question = _today(h, places, days)
    if question is None:
        return ()
    name = func.coalesce(app_user.c.name, h.cashier_id).label("name")
    rows = connection.execute(
        select(
            h.cashier_id,
            name,
            func.sum(h.total).label("total"),
            func.sum(h.sale_count).label("tickets"),
        )
        .select_from(hourly_sales.outerjoin(app_user, cast(app_user.c.id, String) == h.cashier_id))
        .where(question)
        .group_by(h.cashier_id, name)
        .order_by(func.sum(h.total).desc())
        .limit(TOP_CASHIERS)
    )
    return tuple(Share(r.cashier_id, r.name, int(r.total), int(r.tickets)) for r in rows)


def _days(days: Sequence[Calendar]) -> FromClause:
    """The calendars as a table of the question, one row for each zone."""
    columns: tuple[Any, ...] = (
        column("zone", String),
        column("today", Date),
        column("before", Date),
        column("hour", Integer),
        column("share", Float),
    )
    return (
        values(*columns, name="day")
        .data(
            [
                (
                    d.zone,
                    date.fromisoformat(d.today),
                    date.fromisoformat(d.before),
                    d.hour,
                    d.share_of_hour,
                )
                for d in days
            ]
        )
        .alias("day")
    )


def _from_sales(
    day: FromClause, places: Sequence[Place], days: Sequence[Calendar], *columns: Any
) -> Any:
    h = hourly_sales.c
    dates = {date.fromisoformat(text) for d in days for text in (d.today, d.before)}
    return (
        select(*columns)
        .select_from(
            hourly_sales.join(branch, branch.c.id == h.branch_id).join(
                day, day.c.zone == branch.c.zone
            )
        )
        .where(
            h.business_date.in_(dates),
            h.business_date.in_((day.c.today, day.c.before)),
            h.branch_id.in_([place.id for place in places]),
        )
    )


def _today(
    table: Any, places: Sequence[Place], days: Sequence[Calendar]
) -> ColumnElement[bool] | None:
    """Whether a roll-up's row is of its branch's today; None where there is no branch."""
    by_date: dict[str, list[str]] = defaultdict(list)
    today = {each.zone: each.today for each in days}
    for place in places:
        by_date[today[place.zone]].append(place.id)
    question: ColumnElement[bool] | None = None
    for day, branch_ids in sorted(by_date.items()):
        one = table.branch_id.in_(branch_ids) & (table.business_date == date.fromisoformat(day))
        question = one if question is None else question | one
    return question
