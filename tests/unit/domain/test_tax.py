"""Tax is dated data; lines and receipt always add up; the law's own examples come out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.cart import Cart, add_open_item
from sentra.domain.indonesia import PBJT, PPN, PPN_LUXURY, standard_taxes
from sentra.domain.tax import rates_in_force, tax_on, tax_on_top, tax_totals, taxable_value
from sentra.domain.totals import ServiceCharge, total_up
from sentra.events import Tax
from sentra.money import multiply
from tests.unit.domain.builders import (
    BRANCH,
    MIXED_RATES,
    OTHER_BRANCH,
    TODAY,
    carts,
    empty_cart,
    new_id,
    rates,
    tax,
)

amounts = st.integers(-(10**12), 10**12)
taxes = st.builds(
    lambda rate, base, inclusive: tax(rate=rate, base=base, inclusive=inclusive),
    st.integers(0, 10_000),
    st.sampled_from([(1, 1), (11, 12), (1, 10), (7, 9)]),
    st.booleans(),
)


# --- The law ------------------------------------------------------------------------------------


def test_ppn_of_goods_for_fifty_million_is_five_and_a_half_million() -> None:
    """PMK 131/2024 article 3: 12 % on 11/12 of the price; the ministry's own illustration."""
    ppn = rates(inclusive=False)[PPN]
    line = tax_on(50_000_000, ppn)
    assert (line.base, line.amount) == (50_000_000, 5_500_000)
    assert taxable_value(line.base, ppn) == 45_833_333


def test_the_base_of_an_inclusive_price_is_100_of_111() -> None:
    """PMK 131/2024 article 3, for a shelf price that includes tax: P × 100/111 and P × 11/111."""
    line = tax_on(111_000, rates()[PPN])
    assert (line.base, line.amount) == (100_000, 11_000)


def test_luxury_goods_pay_twelve_percent_of_the_full_price_since_february_2025() -> None:
    """PMK 131/2024 article 2, and article 5 for the month of transition."""
    january = rates(inclusive=False, day="2025-01-31")[PPN_LUXURY]
    february = rates(inclusive=False, day="2025-02-01")[PPN_LUXURY]
    assert tax_on(100_000_000, january).amount == 11_000_000
    assert tax_on(100_000_000, february).amount == 12_000_000
    assert taxable_value(100_000_000, february) == 100_000_000


@pytest.mark.parametrize(
    ("day", "tax_amount"),
    [
        ("2017-03-21", 10_000),
        ("2022-03-31", 10_000),
        ("2022-04-01", 11_000),
        ("2024-12-31", 11_000),
        ("2025-01-01", 11_000),
        ("2026-11-22", 11_000),
    ],
)
def test_each_day_has_the_ppn_that_held_then(day: str, tax_amount: int) -> None:
    """UU 8/1983 article 7 (10 %); UU 7/2021 article 7 (11 % from 1 April 2022); PMK 131/2024."""
    assert tax_on(100_000, rates(inclusive=False, day=day)[PPN]).amount == tax_amount


def test_a_tax_of_half_a_rupiah_goes_up_and_less_goes_down() -> None:
    """PER-11/PJ/2025 article 129 (3): below 0,50 down, from 0,50 up."""
    ten = tax(rate=1000, base=(1, 1), inclusive=False)
    assert tax_on(15_000_004, ten).amount == 1_500_000
    assert tax_on(19_000_005, ten).amount == 1_900_001


def test_pbjt_has_the_service_charge_in_its_base() -> None:
    """UU 1/2022 articles 57 and 58: 10 % on all that the customer pays; 5 % service before it."""
    cart = add_open_item(empty_cart(), "Nasi goreng", 40_000, PBJT)
    totals = total_up(cart, rates(inclusive=False), ServiceCharge(500, "Layanan"))
    assert totals.goods_total == 42_000
    (pbjt,) = totals.taxes
    assert (pbjt.base, pbjt.amount, totals.total) == (42_000, 4_200, 46_200)


def test_a_branch_sets_its_own_pbjt() -> None:
    """UU 1/2022 article 58 (1): at most 10 %, set by local regulation."""
    own = tax(PBJT, rate=750, base=(1, 1), inclusive=False, branch_id=BRANCH)
    known = (own, *standard_taxes(new_id, inclusive=False))
    assert rates_in_force(known, BRANCH, TODAY)[PBJT] == own
    assert rates_in_force(known, OTHER_BRANCH, TODAY)[PBJT].rate_permyriad == 1000


# --- What always holds --------------------------------------------------------------------------


@given(amounts, taxes)
def test_base_and_inclusive_tax_are_the_price(amount: int, rate: Tax) -> None:
    line = tax_on(amount, rate)
    assert line.base + line.amount == amount if rate.inclusive else line.base == amount


@given(amounts, taxes)
def test_tax_is_the_exact_product_rounded_once(amount: int, rate: Tax) -> None:
    effective = Fraction(rate.base_numerator * rate.rate_permyriad, rate.base_denominator * 10_000)
    exact = amount * effective / (1 + effective) if rate.inclusive else amount * effective
    assert abs(tax_on(amount, rate).amount - exact) <= Fraction(1, 2)


@given(amounts, taxes)
def test_a_return_mirrors_the_tax_of_its_sale(amount: int, rate: Tax) -> None:
    there, back = tax_on(amount, rate), tax_on(-amount, rate)
    assert (back.base, back.amount) == (-there.base, -there.amount)


@given(carts())
def test_lines_and_receipt_add_up(cart: Cart) -> None:
    totals = total_up(cart, MIXED_RATES)
    assert totals.goods_total == sum(line.amount for line in totals.lines)
    assert totals.tax_total == sum(line.tax_amount for line in totals.lines)
    for total in totals.taxes:
        lines = [line for line in totals.lines if line.tax_code == total.code]
        assert total.amount == sum(line.tax_amount for line in lines)
        assert total.base == sum(line.tax_base for line in lines)
        if total.inclusive:
            assert total.base + total.amount == sum(line.amount for line in lines)
        else:
            assert total.base == sum(line.amount for line in lines)
    assert totals.total == totals.goods_total + tax_on_top(totals.taxes)


@given(carts(), st.integers(1, 3000))
def test_lines_and_receipt_add_up_with_a_service_charge(cart: Cart, permyriad: int) -> None:
    service = ServiceCharge(permyriad, "Layanan")
    totals = total_up(cart, MIXED_RATES, service)
    assert totals.goods_total == sum(line.amount for line in totals.lines)
    assert totals.taxes == tax_totals(totals.lines, MIXED_RATES)
    assert [line.position for line in totals.lines] == list(range(1, len(totals.lines) + 1))
    for line in totals.lines:
        assert line.unit_price >= 0
        assert line.amount == multiply(line.unit_price, line.quantity_milli) - line.discount


# --- Dates and gaps -----------------------------------------------------------------------------


def test_a_rate_ends_the_day_before_its_end() -> None:
    rate = tax(valid_from="2026-01-01", valid_to="2026-02-01")
    held = [
        bool(rates_in_force([rate], BRANCH, day))
        for day in ("2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01")
    ]
    assert held == [False, True, True, False]


def test_of_two_rates_the_later_begun_holds() -> None:
    older, newer = tax(rate=1000), tax(rate=1100, valid_from="2026-06-01")
    assert rates_in_force([newer, older], BRANCH, TODAY)["PPN"] == newer
    assert rates_in_force([newer, older], BRANCH, "2026-05-31")["PPN"] == older


def test_a_branchs_own_rate_holds_against_a_later_one_of_the_company() -> None:
    own, company = tax(branch_id=BRANCH), tax(valid_from="2026-06-01")
    for known in ([own, company], [company, own]):
        assert rates_in_force(known, BRANCH, TODAY)["PPN"] == own


def test_a_branch_does_not_get_the_rate_of_another() -> None:
    assert rates_in_force([tax(branch_id=OTHER_BRANCH)], BRANCH, TODAY) == {}


def test_goods_with_an_unknown_tax_are_sold_and_named() -> None:
    cart = add_open_item(empty_cart(), "Rokok", 22_000, "CUKAI")
    cart = add_open_item(cart, "Buku", 5_000, "")
    totals = total_up(cart, rates())
    assert (totals.total, totals.taxes, totals.untaxed_codes) == (27_000, (), ("CUKAI",))
