"""What a list is asked for, from any text that an address may hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentra.money import CURRENCIES, IDR
from webapp.sales.filters import SORTS, Cursor, read_filter

NAMES = ("kind", "branch", "from", "to", "cashier", "q", "tender", "least", "most", "sort", "after")
ID = "01a20200-835b-72f4-851d-8aed111db765"


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=120)))
def test_no_text_breaks_the_filter(args: dict[str, str]) -> None:
    found = read_filter(args, IDR)
    assert found.sort in SORTS
    assert "\0" not in found.number + found.cashier + found.tender


def test_an_address_is_read_as_it_was_made() -> None:
    cursor = Cursor("1795330000000", ID)
    found = read_filter({"after": str(cursor), "sort": "total", "kind": "refund"}, IDR)
    assert found.after == cursor
    assert (found.sort, found.kind) == ("total", "refund")


def test_days_the_wrong_way_round_are_turned() -> None:
    found = read_filter({"from": "2026-11-22", "to": "2026-11-01"}, IDR)
    assert (found.first, found.last) == ("2026-11-01", "2026-11-22")


def test_an_amount_is_read_in_the_companys_currency() -> None:
    assert read_filter({"least": "12.50"}, CURRENCIES["GBP"]).least == 1250
    assert read_filter({"most": "12.500"}, IDR).most == 12_500


def test_what_cannot_be_read_is_named_and_left_out() -> None:
    found = read_filter({"from": "22/11", "least": "lots"}, IDR)
    assert (found.first, found.least, len(found.problems)) == ("", None, 2)
