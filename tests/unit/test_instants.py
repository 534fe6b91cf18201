"""Instants are UTC milliseconds; days and hours are a branch's own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.instants import (
    INDONESIAN_ZONES,
    NotADate,
    NotATime,
    OutsideCalendar,
    ZoneUnknown,
    add_days,
    day_bounds,
    from_datetime,
    iso_local,
    iso_utc,
    local_date,
    local_hour,
    parse_date,
    parse_local,
    zone_label,
)

NOON_UTC = from_datetime(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
instants = st.integers(0, 4_102_444_800_000)
zones = st.sampled_from([*INDONESIAN_ZONES, "Europe/London", "UTC", "America/St_Johns"])


def test_one_instant_has_three_hours_in_indonesia() -> None:
    assert [local_hour(NOON_UTC, zone) for zone in ("WIB", "WITA", "WIT")] == [19, 20, 21]
    assert [zone_label(NOON_UTC, zone) for zone in ("WIB", "WITA", "WIT")] == ["WIB", "WITA", "WIT"]


def test_the_day_begins_earlier_in_the_east() -> None:
    late = NOON_UTC + 3 * 3_600_000 + 1
    assert local_date(late, "Asia/Jayapura") == "2026-11-23"
    assert local_date(late, "Asia/Jakarta") == "2026-11-22"


@given(instants, zones)
def test_a_local_time_is_read_back_unless_the_clock_was_put_back(at_ms: int, zone: str) -> None:
    second = at_ms // 1000 * 1000
    text = iso_local(second, zone)[:19]
    assert second - parse_local(text, zone) in (0, 3_600_000)


@given(instants, zones)
def test_an_instant_lies_in_its_own_day(at_ms: int, zone: str) -> None:
    first, after = day_bounds(local_date(at_ms, zone), zone)
    assert first <= at_ms < after
    assert 23 <= (after - first) // 3_600_000 <= 25


def test_a_time_that_comes_twice_is_the_first_and_one_that_never_comes_is_moved() -> None:
    assert (
        iso_utc(parse_local("2026-10-25T01:30:00", "Europe/London")) == "2026-10-25T00:30:00.000Z"
    )
    assert (
        iso_utc(parse_local("2026-03-29T01:30:00", "Europe/London")) == "2026-03-29T01:30:00.000Z"
    )


def test_a_ticket_of_old_is_read_in_the_zone_of_its_branch() -> None:
    assert iso_utc(parse_local("2017-03-21T09:00:00", "WITA")) == "2017-03-21T01:00:00.000Z"
    assert parse_local("2017-03-21 09:00", "WITA") == parse_local("2017-03-21T09:00:00.000", "WITA")
    assert iso_local(parse_local("2017-03-21", "WITA"), "WITA") == "2017-03-21T00:00:00+08:00"


@pytest.mark.parametrize(
    "text",
    ["", "21-03-2017", "2017-13-01T00:00:00", "2017-02-29", "2017-03-21T09:00:00+08:00", "09:00"],
)
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(NotATime):
        parse_local(text, "WIB")


@pytest.mark.parametrize(
    "zone", ["", "Mars/Phobos", "../../etc/passwd", "/etc/localtime", "Asia/", "Asia"]
)
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(ZoneUnknown):
        local_date(NOON_UTC, zone)


def test_days_are_counted_over_leap_days() -> None:
    assert add_days("2028-02-28", 1) == "2028-02-29"
    assert add_days("2026-01-01", -1) == "2025-12-31"
    for text in ("2026-02-29", "20260222", "2026-W01-1", ""):
        with pytest.raises(NotADate):
            parse_date(text)


def test_milliseconds_are_kept_and_naive_times_refused() -> None:
    assert iso_utc(NOON_UTC + 250) == "2026-11-22T12:00:00.250Z"
    with pytest.raises(OutsideCalendar):
        from_datetime(datetime(2026, 11, 22))  # noqa: DTZ001 - the point of the test
    with pytest.raises(OutsideCalendar):
        iso_utc(10**18)
