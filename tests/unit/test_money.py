"""Money never gains or loses a unit: parsing, printing, multiplying, dividing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentra.money import (
    AMOUNT_MAX,
    CURRENCIES,
    IDR,
    QUANTITY_MILLI_MAX,
    AmountUnclear,
    Currency,
    CurrencyUnknown,
    Indivisible,
    MoneyError,
    NotANumber,
    TooFine,
    TooLarge,
    allocate,
    currency,
    divide_half_away,
    multiply,
    parse_amount,
    parse_amount_loosely,
    parse_quantity,
    quantity_to_decimal_string,
    to_decimal_string,
)

GBP = CURRENCIES["GBP"]
KWD = CURRENCIES["KWD"]

amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)
currencies = st.sampled_from(list(CURRENCIES.values()))


@given(amounts, currencies)
def test_what_is_printed_is_read_back(amount: int, money: Currency) -> None:
    assert parse_amount(to_decimal_string(amount, money), money) == amount


@given(st.integers(-QUANTITY_MILLI_MAX, QUANTITY_MILLI_MAX))
def test_a_quantity_that_is_printed_is_read_back(quantity_milli: int) -> None:
    assert parse_quantity(quantity_to_decimal_string(quantity_milli)) == quantity_milli


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("12.50", "GBP", 1250),
        ("12.5", "GBP", 1250),
        ("-0.05", "GBP", -5),
        ("+3", "GBP", 300),
        ("4500", "IDR", 4500),
        ("4500.00", "IDR", 4500),
        (" 4500 ", "IDR", 4500),
        ("1.234", "KWD", 1234),
        ("007", "IDR", 7),
        ("1000", "JPY", 1000),
    ],
)
def test_a_plain_decimal_is_read_as_minor_units(text: str, code: str, minor: int) -> None:
    assert parse_amount(text, CURRENCIES[code]) == minor


@pytest.mark.parametrize("text", ["4500.50", "4500.001"])
def test_rupiah_have_no_decimals_in_use(text: str) -> None:
    with pytest.raises(TooFine):
        parse_amount(text, IDR)


def test_half_a_penny_is_refused_and_not_rounded() -> None:
    with pytest.raises(TooFine, match="2 is the most"):
        parse_amount("12.505", GBP)


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1,5", "1.", ".5", "1e3", "١٢", "--1", "1 2", "NaN", "1.2.3", "0x1"]
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        parse_amount(text, GBP)


def test_an_endless_text_is_refused_without_being_repeated_whole() -> None:
    with pytest.raises(NotANumber) as refused:
        parse_amount("9" * 100_000, IDR)
    assert len(str(refused.value)) < 300


def test_an_amount_beyond_the_limit_is_refused() -> None:
    assert parse_amount(str(AMOUNT_MAX), IDR) == AMOUNT_MAX
    with pytest.raises(TooLarge):
        parse_amount(str(AMOUNT_MAX + 1), IDR)


@pytest.mark.parametrize(
    ("text", "milli"),
    [
        ("3", 3000),
        ("0.125", 125),
        ("0,125", 125),
        ("-1.5", -1500),
        ("2.0000", 2000),
        ("1,000", 1000),
    ],
)
def test_a_quantity_is_read_as_thousandths(text: str, milli: int) -> None:
    assert parse_quantity(text) == milli


@pytest.mark.parametrize("text", ["0.0001", "1.2345"])
def test_a_quantity_below_a_gram_is_refused(text: str) -> None:
    with pytest.raises(TooFine):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["1,234.5", "", "1;5", "1.000.000"])
def test_a_grouped_quantity_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        parse_quantity(text)


def test_a_quantity_beyond_a_million_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse_quantity("1000000.001")


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("Rp 12.000", "IDR", 12_000),
        ("Rp. 12.000,-", "IDR", 12_000),
        ("Rp12.000,00", "IDR", 12_000),
        ("rp 1.234.500", "IDR", 1_234_500),
        ("1,234,500.00", "IDR", 1_234_500),
        ("12,000", "IDR", 12_000),
        ("12 000", "IDR", 12_000),
        ("12\u00a0000", "IDR", 12_000),
        ("12.000 Rp", "IDR", 12_000),
        ("IDR 4500", "IDR", 4_500),
        ("4500 IDR", "IDR", 4_500),
        ("4500", "IDR", 4_500),
        ("-Rp 5.000", "IDR", -5_000),
        ("Rp -5.000", "IDR", -5_000),
        ("5.000-", "IDR", -5_000),
        ("(5.000)", "IDR", -5_000),
        ("4500.000", "IDR", 4_500),
        ("1.234.500,50", "EUR", 123_450_050),
        ("1.234,5", "EUR", 123_450),
        ("£1,234.50", "GBP", 123_450),
        ("£12", "GBP", 1_200),
        ("0.500", "GBP", 50),
        ("1'234.50", "CHF", 123_450),
        ("12,50 €", "EUR", 1_250),
        ("1,234", "GBP", 123_400),
        ("S$ 3.20", "SGD", 320),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, code: str, minor: int) -> None:
    assert parse_amount_loosely(text, CURRENCIES[code]) == minor


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12.500", "GBP"),
        ("1.234.50", "GBP"),
        ("1.23.456,7", "EUR"),
        ("1,2,3", "IDR"),
        ("1.234,567.8", "EUR"),
        ("12.", "IDR"),
    ],
)
def test_an_amount_that_may_be_two_amounts_is_refused(text: str, code: str) -> None:
    with pytest.raises(AmountUnclear):
        parse_amount_loosely(text, CURRENCIES[code])


@pytest.mark.parametrize(
    "text", ["", "Rp", "dua ribu", "12 50", "1E+5", "8.000/kg", "#REF!", "--5"]
)
def test_what_is_no_amount_is_refused_also_loosely(text: str) -> None:
    with pytest.raises(NotANumber):
        parse_amount_loosely(text, IDR)


def test_a_fraction_of_a_rupiah_is_refused_also_loosely() -> None:
    with pytest.raises(TooFine):
        parse_amount_loosely("Rp 1.234,50", IDR)


@given(st.text(max_size=80), currencies)
def test_any_text_is_read_or_refused_in_a_sentence(text: str, money: Currency) -> None:
    for read in (parse_amount, parse_amount_loosely):
        try:
            assert isinstance(read(text, money), int)
        except MoneyError as refused:
            assert refused.told()


@given(amounts, st.sampled_from(["Rp {}", "{},-", "{} IDR", " {} "]))
def test_grouping_as_in_indonesia_changes_nothing(amount: int, form: str) -> None:
    grouped = f"{abs(amount):,}".replace(",", ".")
    assert parse_amount_loosely(form.format(grouped), IDR) == abs(amount)


def test_a_currency_is_found_by_its_code_in_any_case() -> None:
    assert currency(" gbp ") == GBP
    assert currency("IDR").exponent == 0
    assert (currency("IDR").symbol, currency("KES").symbol) == ("Rp", "KES")
    with pytest.raises(CurrencyUnknown, match="XYZ"):
        currency("XYZ")


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_division_is_nearest_and_takes_halves_away_from_zero(numerator: int, divisor: int) -> None:
    rounded = divide_half_away(numerator, divisor)
    error = abs(Fraction(numerator, divisor) - rounded)
    assert error <= Fraction(1, 2)
    if error == Fraction(1, 2):
        assert abs(rounded) > abs(Fraction(numerator, divisor))
    assert divide_half_away(-numerator, divisor) == -rounded


def test_division_by_zero_is_refused() -> None:
    with pytest.raises(Indivisible):
        divide_half_away(1, 0)


@pytest.mark.parametrize(
    ("unit_price", "quantity_milli", "amount"),
    [(4500, 2000, 9000), (28_000, 1_235, 34_580), (999, 500, 500), (999, -500, -500), (3, 166, 0)],
)
def test_price_times_quantity_is_rounded_once(
    unit_price: int, quantity_milli: int, amount: int
) -> None:
    assert multiply(unit_price, quantity_milli) == amount


weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any)


@given(amounts, weights)
def test_shares_add_up_to_the_amount(amount: int, parts: list[int]) -> None:
    assert sum(allocate(amount, parts)) == amount


@given(amounts, weights)
def test_each_share_is_within_one_unit_of_its_exact_part(amount: int, parts: list[int]) -> None:
    for share, weight in zip(allocate(amount, parts), parts, strict=True):
        assert abs(share - Fraction(amount * weight, sum(parts))) < 1
        if weight == 0:
            assert share == 0


@given(amounts, weights)
def test_sharing_a_negative_amount_is_the_mirror_image(amount: int, parts: list[int]) -> None:
    assert allocate(-amount, parts) == tuple(-share for share in allocate(amount, parts))


def test_the_unit_left_over_goes_to_the_largest_remainder_then_to_the_first() -> None:
    assert allocate(100, [1, 1, 1]) == (34, 33, 33)
    assert allocate(10, [0, 2, 1]) == (0, 7, 3)
    assert allocate(5, [1, 2, 2]) == (1, 2, 2)


def test_nothing_is_shared_over_nothing() -> None:
    assert allocate(0, [0, 0]) == (0, 0)
    assert allocate(0, []) == ()
    with pytest.raises(Indivisible):
        allocate(1, [0, 0])
    with pytest.raises(Indivisible):
        allocate(1, [2, -1])
