"""A price holds from its instant on, and a branch's own goes before the company's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.domain.price import PriceMissing, find_price, next_change_at_ms, price_at
from sentra.events import Price
from sentra.instants import parse_local
from tests.unit.domain.builders import BRANCH, OTHER_BRANCH, product

price_lists = st.lists(
    st.builds(
        Price, st.integers(0, 9), st.integers(0, 9), st.sampled_from([None, BRANCH, OTHER_BRANCH])
    ),
    max_size=8,
).map(tuple)


def test_a_price_that_starts_at_midnight_does() -> None:
    midnight = parse_local("2026-11-23", "WITA")
    tea = product(prices=(Price(5000, midnight), Price(4500)))
    assert [price_at(tea, BRANCH, at) for at in (midnight - 1, midnight)] == [4500, 5000]
    assert next_change_at_ms(tea.prices, BRANCH, midnight - 1) == midnight
    assert next_change_at_ms(tea.prices, BRANCH, midnight) is None


def test_a_branch_price_goes_before_a_later_company_price() -> None:
    tea = product(prices=(Price(4000, 10, BRANCH), Price(4500), Price(6000, 20)))
    assert price_at(tea, BRANCH, 30) == 4000
    assert price_at(tea, BRANCH, 9) == 4500
    assert price_at(tea, OTHER_BRANCH, 30) == 6000


def test_of_two_prices_that_begin_together_the_last_listed_holds() -> None:
    assert price_at(product(prices=(Price(1, 5), Price(2, 5))), BRANCH, 5) == 2


def test_a_product_that_is_not_priced_yet_is_named() -> None:
    with pytest.raises(PriceMissing, match="Teh Botol"):
        price_at(product(prices=(Price(1, from_ms=10), Price(2, 0, OTHER_BRANCH))), BRANCH, 9)


def test_a_change_to_the_same_amount_is_no_change() -> None:
    prices = (Price(5), Price(5, 10), Price(6, 20), Price(7, 15, OTHER_BRANCH))
    assert next_change_at_ms(prices, BRANCH, 0) == 20


@given(price_lists, st.integers(0, 9))
def test_the_price_that_holds_has_begun_and_none_of_its_level_is_newer(
    prices: tuple[Price, ...], at: int
) -> None:
    open_ones = [p for p in prices if p.from_ms <= at and p.branch_id in (None, BRANCH)]
    found = find_price(prices, BRANCH, at)
    assert (found is None) == (not open_ones)
    if found is not None:
        assert found in open_ones
        own = [p for p in open_ones if p.branch_id == BRANCH] or open_ones
        assert found in own
        assert found.from_ms == max(p.from_ms for p in own)


@given(price_lists, st.integers(0, 9))
def test_nothing_changes_before_the_next_change(prices: tuple[Price, ...], at: int) -> None:
    change = next_change_at_ms(prices, BRANCH, at)
    present = find_price(prices, BRANCH, at)
    for later in range(at, 10 if change is None else change):
        found = find_price(prices, BRANCH, later)
        assert (found and found.amount) == (present and present.amount)
