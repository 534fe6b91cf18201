"""Receipt numbers: read back as printed, never twice, whatever the clock or a restore does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.receipt_number import (
    ReceiptNumber,
    ReceiptNumberWrong,
    format_receipt_number,
    next_receipt_number,
    parse_receipt_number,
)

dates = st.dates().filter(lambda day: 2000 <= day.year <= 2099).map(lambda day: day.isoformat())
parts = st.builds(
    ReceiptNumber,
    st.from_regex(r"[A-Z0-9]{2,8}", fullmatch=True).filter(str.isascii),
    st.integers(1, 9999),
    dates,
    st.integers(1, 9_999_999),
    st.integers(1, 18_278),
)


@given(parts)
def test_a_number_is_read_back_as_it_was_printed(number: ReceiptNumber) -> None:
    assert parse_receipt_number(str(number)) == number
    assert parse_receipt_number(f" {str(number).lower()} ") == number


def test_a_number_says_branch_terminal_day_and_count() -> None:
    assert format_receipt_number("SGT", 1, "2026-11-22", 147) == "SGT-1-261122-0147"


def test_the_next_number_counts_on_and_each_day_begins_at_one() -> None:
    assert next_receipt_number(None, "SGT", 1, "2026-11-22") == "SGT-1-261122-0001"
    assert next_receipt_number("SGT-1-261122-0147", "SGT", 1, "2026-11-22") == "SGT-1-261122-0148"
    assert next_receipt_number("SGT-1-261122-9999", "SGT", 1, "2026-11-22") == "SGT-1-261122-10000"
    assert next_receipt_number("SGT-1-261122-0147", "SGT", 1, "2026-11-23") == "SGT-1-261123-0001"


def test_a_clock_that_went_back_makes_no_number_twice() -> None:
    assert next_receipt_number("SGT-1-261122-0147", "SGT", 1, "2026-11-21") == "SGT-1-261122-0148"


def test_a_till_restored_from_an_old_copy_makes_no_number_twice() -> None:
    restored = next_receipt_number("SGT-1-261122-0100", "SGT", 1, "2026-11-22", epoch=2)
    assert restored == "SGT-1B-261122-0001"
    assert next_receipt_number(restored, "SGT", 1, "2026-11-22", epoch=2) == "SGT-1B-261122-0002"


@given(st.lists(st.tuples(dates, st.integers(1, 3)), max_size=30))
def test_no_number_comes_twice_in_a_terminals_life(shifts: list[tuple[str, int]]) -> None:
    numbers: list[str] = []
    epoch = 1
    for business_date, later in shifts:
        epoch = max(epoch, later)
        numbers.append(
            next_receipt_number(numbers[-1] if numbers else None, "SGT", 1, business_date, epoch)
        )
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SGT-1-261122",
        "SGT-0-261122-0001",
        "SGT-1-261322-0001",
        "SGT-1-261122-0000",
        "SGT-1-261122-147",
        "S-1-261122-0147",
        "SGT-١-261122-0147",
        "SGT_1_261122_0147",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ReceiptNumberWrong):
        parse_receipt_number(text)


@pytest.mark.parametrize(
    ("branch_code", "terminal", "business_date", "count", "epoch"),
    [
        ("sgt", 1, "2026-11-22", 1, 1),
        ("SGT", 0, "2026-11-22", 1, 1),
        ("SGT", 1, "1926-11-22", 1, 1),
        ("SGT", 1, "2026-11-22", 0, 1),
        ("SGT", 1, "2026-11-22", 1, 0),
    ],
)
def test_parts_that_make_no_number_are_refused(
    branch_code: str, terminal: int, business_date: str, count: int, epoch: int
) -> None:
    with pytest.raises(ReceiptNumberWrong):
        format_receipt_number(branch_code, terminal, business_date, count, epoch)
