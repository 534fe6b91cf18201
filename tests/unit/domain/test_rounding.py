"""Cash rounding: to a step, in a direction, the same for money in and money out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.rounding import (
    NO_ROUNDING,
    STEP_MAX,
    CashRounding,
    RoundingUnknown,
    cash_rounding,
    rounding_of,
)
from sentra.events import Branch
from tests.unit.domain.builders import rounding_rules

amounts = st.integers(-(10**12), 10**12)


@given(amounts, rounding_rules)
def test_cash_can_pay_what_was_rounded(amount: int, rule: CashRounding) -> None:
    assert (amount + cash_rounding(amount, rule)) % rule.step == 0


@given(amounts, rounding_rules)
def test_rounding_moves_less_than_a_step_and_nearest_at_most_half(
    amount: int, rule: CashRounding
) -> None:
    moved = abs(cash_rounding(amount, rule))
    assert moved < rule.step
    assert rule.direction != "nearest" or 2 * moved <= rule.step


@given(st.integers(0, 10**12), rounding_rules)
def test_down_never_asks_for_more_and_up_never_for_less(amount: int, rule: CashRounding) -> None:
    rounding = cash_rounding(amount, rule)
    assert rule.direction != "down" or rounding <= 0
    assert rule.direction != "up" or rounding >= 0


@given(amounts, rounding_rules)
def test_paying_out_mirrors_taking_in(amount: int, rule: CashRounding) -> None:
    assert cash_rounding(-amount, rule) == -cash_rounding(amount, rule)


@given(amounts, rounding_rules)
def test_a_rounded_amount_is_not_rounded_again(amount: int, rule: CashRounding) -> None:
    assert cash_rounding(amount + cash_rounding(amount, rule), rule) == 0


@pytest.mark.parametrize(
    ("amount", "direction", "rounding"),
    [
        (12_765, "down", -65),
        (12_765, "up", 35),
        (12_765, "nearest", 35),
        (12_749, "nearest", -49),
        (12_750, "nearest", 50),
        (12_700, "up", 0),
        (-12_750, "nearest", -50),
        (50, "down", -50),
    ],
)
def test_a_total_in_rupiah_is_rounded_to_coins(amount: int, direction: str, rounding: int) -> None:
    """Permendag 35/M-DAG/PER/7/2013 article 6: to money that circulates."""
    assert cash_rounding(amount, CashRounding(100, direction)) == rounding


@given(amounts)
def test_a_step_of_one_rounds_nothing(amount: int) -> None:
    assert cash_rounding(amount, NO_ROUNDING) == 0


@pytest.mark.parametrize(
    ("step", "direction"), [(0, "down"), (-5, "up"), (STEP_MAX + 1, "up"), (100, "")]
)
def test_a_rule_that_cannot_be_is_refused(step: int, direction: str) -> None:
    with pytest.raises(RoundingUnknown):
        CashRounding(step, direction)


def test_the_rule_is_the_branchs() -> None:
    branch = Branch("b", "SGT", "Sangatta", "Asia/Makassar", "", 100, "down")
    assert rounding_of(branch) == CashRounding(100, "down")


def test_a_rule_of_a_newer_back_office_does_not_stop_an_older_till() -> None:
    branch = Branch("b", "SGT", "Sangatta", "Asia/Makassar", "", 100, "to_even")
    assert rounding_of(branch) == NO_ROUNDING
