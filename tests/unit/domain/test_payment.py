"""Settling: tenders add up to total and rounding; only cash is rounded, only cash gives change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.payment import (
    CARD,
    CASH,
    CHANGE_MAX,
    QRIS,
    TENDERS_MAX,
    CashNotNeeded,
    ChangeTooLarge,
    NotEnough,
    Offer,
    OfferRefused,
    TooMuchWithoutCash,
    as_paid_out,
    cash_due,
    exactly_in_cash,
    quick_cash,
    settle,
)
from sentra.domain.rounding import NO_ROUNDING, CashRounding
from tests.unit.domain.builders import DOWN_100, rounding_rules

IDR_NOTES = (100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100)


# --- What always holds --------------------------------------------------------------------------


@st.composite
def payments(draw: st.DrawFn) -> tuple[int, list[Offer], CashRounding]:
    """A total of either sign with offers that settle it: cards for a part, the rest in cash."""
    total = draw(st.integers(-(10**8), 10**8))
    rule = draw(rounding_rules)
    sign = -1 if total < 0 else 1
    offers, left = [], abs(total)
    for _ in range(draw(st.integers(0, 3)) if left else 0):
        part = draw(st.integers(1, left))
        offers.append(Offer(draw(st.sampled_from([CARD, QRIS])), sign * part, "ref"))
        left -= part
        if not left:
            return total, offers, rule
    due, _rounding = cash_due(total, sign * (abs(total) - left), rule)
    if due > 0:
        offers.append(Offer(CASH, due + draw(st.integers(0, 100_000))))
    return total, offers, rule


@given(payments())
def test_tenders_add_up_to_total_and_rounding(
    payment: tuple[int, list[Offer], CashRounding],
) -> None:
    total, offers, rule = payment
    settled = settle(total, offers, rule)
    assert sum(tender.amount for tender in settled.tenders) == total + settled.rounding
    assert settled.total == total


@given(payments())
def test_what_was_received_less_change_is_the_tender(
    payment: tuple[int, list[Offer], CashRounding],
) -> None:
    settled = settle(*payment)
    for tender in settled.tenders:
        assert tender.amount == tender.received - tender.change
        assert tender.change >= 0
        assert tender.kind == CASH or tender.change == 0
    assert settled.change == sum(tender.change for tender in settled.tenders)


@given(payments())
def test_only_cash_is_rounded(payment: tuple[int, list[Offer], CashRounding]) -> None:
    total, offers, rule = payment
    settled = settle(total, offers, rule)
    cash = [tender for tender in settled.tenders if tender.kind == CASH]
    assert len(cash) <= 1
    assert all(tender.amount % rule.step == 0 for tender in cash)
    assert cash or settled.rounding == 0
    assert [(t.kind, t.amount) for t in settled.tenders if t.kind != CASH] == [
        (offer.kind, offer.amount) for offer in offers if offer.kind != CASH
    ]


@given(st.integers(1, 10**9), rounding_rules)
def test_one_unit_less_than_due_is_not_enough(total: int, rule: CashRounding) -> None:
    due, _rounding = cash_due(total, 0, rule)
    assert settle(total, exactly_in_cash(total, rule), rule).change == 0
    if due > 1:
        with pytest.raises(NotEnough) as refused:
            settle(total, [Offer(CASH, due - 1)], rule)
        assert refused.value.values == {"missing": 1}


@given(st.integers(1, 10**9), rounding_rules)
def test_a_refund_in_cash_gives_back_what_cash_had_paid(total: int, rule: CashRounding) -> None:
    paid = settle(total, exactly_in_cash(total, rule), rule)
    back = as_paid_out(settle(-total, [], rule))
    assert sum(t.amount for t in back.tenders) == sum(t.amount for t in paid.tenders)
    assert (back.total, back.rounding) == (paid.total, paid.rounding)


# --- At the counter -----------------------------------------------------------------------------


def test_cash_with_change_and_rounding_down() -> None:
    settled = settle(47_260, [Offer(CASH, 50_000)], DOWN_100)
    assert (settled.rounding, settled.change) == (-60, 2_800)
    (cash,) = settled.tenders
    assert (cash.amount, cash.received, cash.change) == (47_200, 50_000, 2_800)


def test_a_card_pays_to_the_rupiah() -> None:
    settled = settle(47_260, [Offer(CARD, 47_260, "123456")], DOWN_100)
    assert (settled.rounding, settled.change, settled.tenders[0].reference) == (0, 0, "123456")


def test_card_first_and_only_the_rest_in_cash_is_rounded() -> None:
    settled = settle(47_260, [Offer(CARD, 30_030), Offer(CASH, 20_000)], DOWN_100)
    assert (settled.rounding, settled.change) == (-30, 2_800)
    assert [tender.amount for tender in settled.tenders] == [30_030, 17_200]


def test_cash_that_comes_in_two_hands_is_one_tender() -> None:
    settled = settle(47_260, [Offer(CASH, 20_000), Offer(CASH, 30_000)], DOWN_100)
    assert [tender.received for tender in settled.tenders] == [50_000]


def test_cards_give_no_change() -> None:
    with pytest.raises(TooMuchWithoutCash, match="740"):
        settle(47_260, [Offer(CARD, 48_000)], DOWN_100)


def test_nothing_offered_is_not_enough_for_anything() -> None:
    with pytest.raises(NotEnough, match="47260"):
        settle(47_260, [], DOWN_100)
    with pytest.raises(NotEnough, match="17230"):
        settle(47_260, [Offer(CARD, 30_030)], DOWN_100)


def test_cash_on_top_of_a_paid_total_is_not_taken() -> None:
    with pytest.raises(CashNotNeeded):
        settle(1_000, [Offer(CARD, 1_000), Offer(CASH, 1_000)], DOWN_100)


def test_a_barcode_in_the_cash_field_is_noticed() -> None:
    with pytest.raises(ChangeTooLarge):
        settle(4_500, [Offer(CASH, 8_992_304_046_940)], DOWN_100)
    assert settle(4_500, [Offer(CASH, 4_500 + CHANGE_MAX)], DOWN_100).change == CHANGE_MAX


def test_goods_for_less_than_the_smallest_coin_are_rounded_away() -> None:
    settled = settle(50, [], DOWN_100)
    assert (settled.rounding, [tender.amount for tender in settled.tenders]) == (-50, [0])


def test_a_total_of_nothing_needs_no_tender() -> None:
    assert settle(0, [], DOWN_100).tenders == ()


def test_more_returned_than_sold_is_paid_out_in_cash() -> None:
    settled = settle(-4_550, [], DOWN_100)
    assert (settled.rounding, settled.change) == (50, 0)
    assert [tender.amount for tender in settled.tenders] == [-4_500]


def test_a_part_goes_back_to_the_card() -> None:
    settled = settle(-10_000, [Offer(CARD, -6_000, "123456")], DOWN_100)
    assert [(tender.kind, tender.amount) for tender in settled.tenders] == [
        (CARD, -6_000),
        (CASH, -4_000),
    ]
    with pytest.raises(TooMuchWithoutCash):
        settle(-10_000, [Offer(CARD, -10_001)], DOWN_100)


@pytest.mark.parametrize(
    ("total", "offer"),
    [
        (100, Offer("bitcoin", 100)),
        (100, Offer(CARD, -100)),
        (100, Offer(CARD, 0)),
        (-100, Offer(CARD, 100)),
        (-100, Offer(CASH, -50)),
        (100, Offer(CARD, 100, "x" * 101)),
    ],
)
def test_an_offer_that_cannot_be_is_refused(total: int, offer: Offer) -> None:
    with pytest.raises(OfferRefused):
        settle(total, [offer], NO_ROUNDING)


def test_a_sale_has_a_limit_of_tenders() -> None:
    with pytest.raises(OfferRefused):
        settle(100, [Offer(CARD, 1)] * (TENDERS_MAX + 1), NO_ROUNDING)


def test_quick_amounts_are_exact_then_the_next_notes() -> None:
    assert quick_cash(47_200, IDR_NOTES) == (47_200, 47_500, 48_000, 50_000, 60_000)
    assert quick_cash(50_000, (100_000, 50_000)) == (50_000, 100_000)
    assert quick_cash(0, IDR_NOTES) == ()
