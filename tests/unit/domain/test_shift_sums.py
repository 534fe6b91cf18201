"""A shift that was closed is added up again, and compared with what its till wrote."""

from __future__ import annotations

from msgspec.structs import replace

from sentra.events import Fact, ShiftClosed, ShiftOpened
from sentra.projection.shifts import ShiftSums
from tests.support.journals import DAY, SHIFT, START_MS, a_sale, an_id

HASH = bytes(range(32))
OPENED = ShiftOpened(
    SHIFT, 1, an_id(900_001), "Dewi", "IDR", START_MS, DAY, "Asia/Makassar", 100_000
)
CLOSED = ShiftClosed(
    shift_id=SHIFT,
    cashier_id=an_id(900_001),
    cashier_name="Dewi",
    currency="IDR",
    closed_at_ms=START_MS,
    business_date=DAY,
    sale_count=2,
    refund_count=0,
    void_count=0,
    total=9_000,
    rounding=0,
    tenders=(),
    expected_cash=109_000,
    counted_cash=109_000,
    difference=0,
    denominations=(),
    last_hash=HASH.hex(),
)


def differences(sums: ShiftSums, closed: ShiftClosed, *, epoch: int = 1) -> list[str]:
    return [name for name, _, _ in sums.add(closed, epoch, HASH)]


def with_sales(count: int, *, whole: bool = True, opened: bool = False) -> ShiftSums:
    sums = ShiftSums(whole=whole)
    facts: list[Fact] = [
        *([OPENED] if opened else []),
        *(a_sale(number) for number in range(count)),
    ]
    for fact in facts:
        assert list(sums.add(fact, 1, HASH)) == []
    return sums


def test_what_adds_up_is_right_and_what_does_not_is_named() -> None:
    assert differences(with_sales(2), CLOSED) == []
    assert differences(with_sales(3), CLOSED) == ["sale_count", "total"]
    assert differences(with_sales(2), replace(CLOSED, last_hash="ab")) == ["last_hash"]


def test_a_shift_whose_beginning_was_dropped_is_not_compared() -> None:
    assert differences(with_sales(1, whole=False), CLOSED) == []
    assert differences(with_sales(1, whole=False, opened=True), CLOSED) == ["sale_count", "total"]


def test_a_close_that_was_recorded_again_was_said_of_another_line() -> None:
    again = replace(CLOSED, last_hash="ab")
    assert differences(with_sales(5), again, epoch=2) == []
    assert differences(with_sales(5), CLOSED, epoch=2) == ["sale_count", "total"]


def test_a_sale_that_a_restored_till_sold_again_is_counted_once() -> None:
    sums = with_sales(2)
    assert list(sums.add(a_sale(1, 9_999), 2, HASH)) == []
    assert differences(sums, CLOSED, epoch=2) == []
