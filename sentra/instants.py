"""Instants and days: UTC epoch milliseconds inside, a branch's zone only at the edges.

An instant is an `int` whose name ends in `_at_ms`. A business day is ISO text, `2026-11-22`.
Nothing here reads a clock; a `Clock` is passed to whoever needs one. Zones are IANA names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sentra.failures import Failure

Clock = Callable[[], int]
"""Returns the present instant in UTC epoch milliseconds."""

INDONESIAN_ZONES: Final = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*")
_LOCAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
)


class InstantError(Failure):
    """The family: a zone, a day or a time that does not exist."""

    code = "instant"


class ZoneUnknown(InstantError):
    """A zone that the tz database does not have."""

    code = "instant-zone-unknown"
    sentence = (
        "The time zone “%(zone)s” is not known. Use WIB, WITA, WIT or a name such as Asia/Makassar."
    )


class NotATime(InstantError):
    """Text that is no local time."""

    code = "instant-not-a-time"
    sentence = "“%(text)s” is not a date and time. Write it as 2026-11-22T14:26:00, without a zone."


class NotADate(InstantError):
    """Text that is no day."""

    code = "instant-not-a-date"
    sentence = "“%(text)s” is not a date. Write it as 2026-11-22."


class OutsideCalendar(InstantError):
    """An instant outside the years 1 to 9999, or one without a zone. A fault of the caller."""

    code = "instant-outside-calendar"
    sentence = "“%(given)s” is not an instant in the calendar."


@lru_cache(maxsize=256)
def zone_of(zone: str) -> ZoneInfo:
    """Return the zone of an IANA name, `Asia/Makassar`, or of an Indonesian short one, `WITA`.

    Raises:
        ZoneUnknown: there is no such zone.
    """
    name = INDONESIAN_ZONES.get(zone, zone)
    try:
        if _ZONE_NAME.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        pass
    raise ZoneUnknown(zone=zone[:64])


def zone_label(at_ms: int, zone: str) -> str:
    """The short name of a zone at an instant: `WIB`, `GMT`, `+08` where it has none."""
    return at_local(at_ms, zone).tzname() or zone


def at_local(at_ms: int, zone: str) -> datetime:
    """The instant as an aware datetime in the zone.

    Raises:
        ZoneUnknown, OutsideCalendar: as they say.
    """
    try:
        return (_EPOCH + at_ms * _MILLISECOND).astimezone(zone_of(zone))
    except OverflowError:
        raise OutsideCalendar(given=at_ms) from None


def from_datetime(moment: datetime) -> int:
    """Epoch milliseconds of an aware datetime, microseconds cut off.

    Raises:
        OutsideCalendar: the datetime has no zone.
    """
    if moment.tzinfo is None:
        raise OutsideCalendar(given=moment)
    return (moment - _EPOCH) // _MILLISECOND


def local_date(at_ms: int, zone: str) -> str:
    """The calendar day of an instant in a zone: `2026-11-22`."""
    return at_local(at_ms, zone).date().isoformat()


@lru_cache(maxsize=4096)  # A projection asks twice for each sale: for its row and for its sums.
def local_hour(at_ms: int, zone: str) -> int:
    """The hour of day, 0 to 23, of an instant in a zone."""
    try:
        return datetime.fromtimestamp(at_ms // 1000, zone_of(zone)).hour
    except (OverflowError, OSError, ValueError):
        raise OutsideCalendar(given=at_ms) from None


def parse_local(text: str, zone: str) -> int:
    """Read a local time, `2017-03-21T09:00:00` (or a day alone, its midnight), as an instant.

    Where the zone puts its clocks back, the first of the two instants is meant; a time that is
    skipped when clocks go forward is read with the offset before the change.

    Raises:
        NotATime, ZoneUnknown: as they say.
    """
    stripped = text.strip()
    try:
        if _LOCAL.fullmatch(stripped):
            return from_datetime(datetime.fromisoformat(stripped).replace(tzinfo=zone_of(zone)))
    except (ValueError, OverflowError):
        pass
    raise NotATime(text=stripped[:64])


def parse_date(text: str) -> str:
    """Check a calendar day, `2026-11-22`, and return it.

    Raises:
        NotADate: not a day in that form, or a day that does not exist.
    """
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise NotADate(text=text[:64])


def add_days(day: str, days: int) -> str:
    """The day some days later (or earlier, when negative)."""
    return (date.fromisoformat(parse_date(day)) + timedelta(days=days)).isoformat()


def day_bounds(day: str, zone: str) -> tuple[int, int]:
    """The first instant of a day in a zone and the first of the next day."""
    return parse_local(parse_date(day), zone), parse_local(add_days(day, 1), zone)


def iso_utc(at_ms: int) -> str:
    """The instant in ISO 8601 with milliseconds and Z: `2026-11-22T07:26:03.250Z`."""
    moment = at_local(at_ms, "UTC")
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_local(at_ms: int, zone: str) -> str:
    """ISO 8601 with the zone's offset, to the second: `2026-11-22T15:26:03+08:00`."""
    return at_local(at_ms, zone).isoformat(timespec="seconds")
