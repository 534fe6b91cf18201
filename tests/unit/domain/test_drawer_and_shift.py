"""The drawer explains itself: float, cash, change, movements, count, difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.cart import Cart
from sentra.domain.drawer import (
    DENOMINATIONS,
    DROP,
    NO_SALE,
    PAID_IN,
    PAID_OUT,
    CountRefused,
    count_cash,
    denominations_of,
    expected_cash,
    summarise,
)
from sentra.domain.errors import ReasonMissing
from sentra.domain.payment import CARD, CASH, Offer
from sentra.domain.refund import Wanted
from sentra.domain.rounding import CashRounding
from sentra.domain.shift import (
    FloatRefused,
    MovementRefused,
    close_shift,
    counter_of,
    move_cash,
    open_shift,
)
from sentra.events import CashMoved, Fact, ShiftOpened
from sentra.instants import parse_local
from tests.unit.domain.builders import (
    COUNTER,
    DOWN_100,
    MIXED_RATES,
    NOW_MS,
    cart_of,
    carts,
    new_id,
    product,
    refunded,
    rounding_rules,
    sold,
)

TEA = product(price=4550)


def moved(kind: str, amount: int, reason: str = "Galon air") -> CashMoved:
    """A cash movement of the shift."""
    return move_cash(
        COUNTER, movement_id=new_id(), kind=kind, amount=amount, moved_at_ms=NOW_MS, reason=reason
    )


def shift_at(local: str, zone: str = "WITA", opening_float: int = 0) -> ShiftOpened:
    """A shift that was opened at a local time."""
    return open_shift(
        shift_id=COUNTER.shift_id,
        number=1,
        cashier_id=COUNTER.cashier_id,
        cashier_name="Dewi",
        currency="IDR",
        opened_at_ms=parse_local(local, zone),
        zone=zone,
        opening_float=opening_float,
    )


# --- What should be in the drawer ---------------------------------------------------------------


@given(
    st.integers(0, 10**7),
    st.lists(st.tuples(carts(lines_max=3), st.booleans()), max_size=4),
    st.lists(
        st.tuples(st.sampled_from([PAID_IN, PAID_OUT, DROP]), st.integers(1, 10**6)), max_size=4
    ),
    rounding_rules,
)
def test_expected_cash_is_every_coin_that_went_in_or_out(
    opening_float: int,
    tickets: list[tuple[Cart, bool]],
    movements: list[tuple[str, int]],
    rule: CashRounding,
) -> None:
    facts: list[Fact] = []
    in_drawer = opening_float
    for cart, comes_back in tickets:
        sale = sold(cart, MIXED_RATES, rule=rule)
        facts.append(sale)
        in_drawer += sum(tender.received - tender.change for tender in sale.tenders)
        lines = [Wanted(x.position, x.quantity_milli) for x in sale.lines if x.quantity_milli > 0]
        if comes_back and lines:
            refund = refunded(sale, [], *lines, rule=rule)
            facts.append(refund)
            in_drawer -= sum(tender.amount for tender in refund.tenders)
    for kind, amount in movements:
        facts.append(moved(kind, amount))
        in_drawer += amount if kind == PAID_IN else -amount
    summary = summarise(opening_float, facts)
    assert summary.expected_cash == in_drawer
    assert summarise(opening_float, reversed(facts)) == summary
    assert sum(t.amount for t in summary.tenders) == summary.total + summary.rounding
    assert summary.total == summary.gross_sales - summary.refunds_total


def test_change_and_rounding_do_not_make_the_drawer_wrong() -> None:
    sale = sold(cart_of(TEA), offers=[Offer(CASH, 5_000)], rule=DOWN_100)
    summary = summarise(100_000, [sale])
    assert (summary.expected_cash, summary.change_given, summary.rounding) == (104_500, 500, -50)


def test_cards_are_not_in_the_drawer() -> None:
    sale = sold(cart_of(TEA), offers=[Offer(CARD, 4_550)], rule=DOWN_100)
    summary = summarise(100_000, [sale])
    assert summary.expected_cash == 100_000
    assert [(t.kind, t.count, t.amount) for t in summary.tenders] == [(CARD, 1, 4_550)]


def test_refunds_count_against_sales_tenders_and_taxes() -> None:
    sale = sold(cart_of(TEA), rule=DOWN_100)
    refund = refunded(sale, [], Wanted(1, 1000), rule=DOWN_100)
    summary = summarise(0, [sale, refund])
    assert (summary.total, summary.rounding, summary.tax_total, summary.expected_cash) == (
        0,
        0,
        0,
        0,
    )
    assert (summary.gross_sales, summary.refunds_total) == (4_550, 4_550)
    assert (summary.sale_count, summary.refund_count) == (1, 1)
    assert [(tax.base, tax.amount) for tax in summary.taxes] == [(0, 0)]


def test_movements_are_summed_by_kind() -> None:
    facts = [moved(PAID_IN, 500), moved(PAID_OUT, 200), moved(DROP, 50_000), moved(NO_SALE, 0)]
    summary = summarise(100_000, facts)
    assert (summary.paid_in, summary.paid_out, summary.dropped) == (500, 200, 50_000)
    assert (summary.no_sale_count, summary.expected_cash) == (1, 50_300)
    assert expected_cash(100_000, 0, 500, 200, 50_000) == 50_300


# --- Cash without a sale ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "amount"), [(PAID_IN, 0), (PAID_OUT, -5), (DROP, 10**16), (NO_SALE, 1), ("gift", 5)]
)
def test_a_movement_that_cannot_be_is_refused(kind: str, amount: int) -> None:
    with pytest.raises(MovementRefused):
        moved(kind, amount)


def test_a_movement_without_a_reason_is_refused() -> None:
    with pytest.raises(ReasonMissing):
        moved(PAID_OUT, 5, reason="  ")


# --- The shift ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "business_date"),
    [("WIB", "2026-11-22"), ("WITA", "2026-11-23"), ("WIT", "2026-11-23")],
)
def test_the_business_date_is_the_day_of_opening_in_the_branchs_zone(
    zone: str, business_date: str
) -> None:
    at_ms = parse_local("2026-11-22T23:30:00", "WIB")
    opened = open_shift(
        shift_id="s",
        number=1,
        cashier_id="c",
        cashier_name="Dewi",
        currency="IDR",
        opened_at_ms=at_ms,
        zone=zone,
        opening_float=0,
    )
    assert opened.business_date == business_date


def test_a_colleague_sells_on_the_same_shift_and_day() -> None:
    counter = counter_of(shift_at("2026-11-22T22:00:00"), "0001", "Budi")
    assert (counter.cashier_name, counter.business_date, counter.zone) == (
        "Budi",
        "2026-11-22",
        "WITA",
    )


@pytest.mark.parametrize("opening_float", [-1, 10**16])
def test_a_float_that_cannot_be_is_refused(opening_float: int) -> None:
    with pytest.raises(FloatRefused):
        shift_at("2026-11-22T08:00:00", opening_float=opening_float)


def test_the_difference_is_always_posted() -> None:
    summary = summarise(100_000, [sold(cart_of(TEA), rule=DOWN_100)])
    closed = close_shift(
        COUNTER,
        summary,
        closed_at_ms=NOW_MS,
        last_hash="ab12",
        denominations=[(100_000, 1), (1_000, 4), (500, 0)],
    )
    assert (closed.expected_cash, closed.counted_cash, closed.difference) == (
        104_500,
        104_000,
        -500,
    )
    assert closed.denominations == ((100_000, 1), (1_000, 4))
    assert (closed.sale_count, closed.total, closed.rounding, closed.last_hash) == (
        1,
        4_550,
        -50,
        "ab12",
    )


def test_card_slips_count_as_expected_unless_counted() -> None:
    sale = sold(cart_of(TEA), offers=[Offer(CARD, 4_550)])
    summary = summarise(0, [sale])
    blind = close_shift(COUNTER, summary, closed_at_ms=NOW_MS, last_hash="", counted_cash=0)
    assert [(t.kind, t.expected, t.counted) for t in blind.tenders] == [
        (CASH, 0, 0),
        (CARD, 4_550, 4_550),
    ]
    counted = close_shift(
        COUNTER,
        summary,
        closed_at_ms=NOW_MS,
        last_hash="",
        counted_cash=7,
        counted_others={CARD: 4_000, "qris": 10},
    )
    assert [(t.kind, t.expected, t.counted) for t in counted.tenders] == [
        (CASH, 0, 7),
        (CARD, 4_550, 4_000),
        ("qris", 0, 10),
    ]


# --- Counting -----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 500), min_size=11, max_size=11))
def test_a_count_is_the_sum_of_its_pieces(pieces: list[int]) -> None:
    values = denominations_of("IDR")
    counted = list(zip(values, pieces, strict=True))
    assert count_cash(counted) == sum(value * count for value, count in counted)


@pytest.mark.parametrize("piece", [(0, 1), (-100, 1), (100, -1), (100, 100_001)])
def test_pieces_that_cannot_be_are_refused(piece: tuple[int, int]) -> None:
    with pytest.raises(CountRefused):
        count_cash([piece])


@pytest.mark.parametrize("currency", DENOMINATIONS)
def test_face_values_go_from_large_to_small(currency: str) -> None:
    values = denominations_of(currency)
    assert list(values) == sorted(set(values), reverse=True)
    assert denominations_of("XYZ") == ()
