"""Branch stock over the wire: what moved, and a level only where all of it was read."""

from __future__ import annotations

import msgspec
import pytest

from router_agent.outbound import bases
from sentra.link.client import Link
from sentra.protocol.branch import PRODUCTS_MAX, STOCK, BranchStock, ProductStock
from sentra.protocol.entry import head_of
from sentra.protocol.envelope import Parcel
from tests.integration.router.asking import Until, assert_only_for_terminals, raw, slug_of
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import a_hello, device_of
from tests.support.journals import DAY, Journal, an_id
from tests.unit.router_agent.test_stock_moves import COFFEE, TEA, came, sold

TARGET = f"{STOCK}?date={DAY}&product={COFFEE}"


def ask(link: Link, *products: str, date: str = DAY) -> BranchStock:
    query = "".join(f"&product={one}" for one in products)
    return msgspec.json.decode(link.ask(f"{STOCK}?date={date}{query}"), type=BranchStock)


def coffee(link: Link) -> ProductStock:
    [one] = ask(link, COFFEE).products
    return one


@pytest.fixture
def traded(served: Running, journal: Journal, other: Journal) -> tuple[Link, Link]:
    """24 coffees came and were counted in; four were sold, at two tills; the internet is out."""
    served.cloud.down = True
    links = served.link(journal), served.link(other)
    for fact in (came(1, 24_000), sold(1, 3_000), sold(2, 500, product=TEA)):
        journal.write(fact)
    other.write(sold(3, 1_000))
    for link, one in zip(links, (journal, other), strict=True):
        link.hello(a_hello(one))
        link.send([Parcel(one.sealed(1, len(one.entries)))])
    return links


def test_what_all_tills_moved_is_told_with_the_entries_it_speaks_of(
    traded: tuple[Link, Link], journal: Journal, other: Journal
) -> None:
    told = ask(traded[1], COFFEE, TEA, an_id(9), COFFEE)
    assert [one.product for one in told.products] == [COFFEE, TEA, an_id(9)]
    first, second, third = told.products
    assert (first.sold_on_day_milli, first.sold_milli, first.moved_milli) == (4_000, 4_000, 24_000)
    assert first.level_milli == 20_000
    assert (second.sold_milli, second.level_milli) == (500, None), "nobody said what was there"
    assert (third.sold_milli, third.moved_milli, third.level_milli) == (0, 0, None)
    places = {one.terminal: (one.begun_epoch, one.begun_seq, one.seq) for one in told.journals}
    assert places == {journal.terminal: (1, 0, 3), other.terminal: (1, 0, 1)}
    assert ask(traded[0], COFFEE, date="2026-11-23").products[0].sold_on_day_milli == 0


def test_a_level_is_told_only_while_nothing_is_missing(
    traded: tuple[Link, Link], journal: Journal
) -> None:
    assert coffee(traded[0]).level_milli == 20_000
    journal.write(sold(4, 2_000))
    traded[0].hello(a_hello(journal))
    behind = coffee(traded[0])
    assert (behind.level_milli, behind.sold_milli) == (None, 4_000)
    traded[0].send([Parcel(journal.sealed(4, 4))])
    assert coffee(traded[0]).level_milli == 18_000


def test_a_router_that_came_later_knows_what_moved_since_and_no_level(
    served: Running, journal: Journal
) -> None:
    for fact in (came(1, 24_000), sold(1, 3_000), sold(2, 1_000)):
        journal.write(fact)
    with served.router.vault.writer() as db:
        assert bases.begin_at(db, journal.terminal, head_of(journal.entries[1]))
    link = served.link(journal)
    link.hello(a_hello(journal))
    link.send([Parcel(journal.sealed(3, 3))])
    told = ask(link, COFFEE)
    assert (told.products[0].sold_milli, told.products[0].level_milli) == (1_000, None)
    [place] = [one for one in told.journals if one.terminal == journal.terminal]
    assert (place.begun_epoch, place.begun_seq, place.seq, place.is_whole) == (1, 2, 3, False)


def test_a_till_that_was_never_heard_may_have_sold_elsewhere(
    served: Running, traded: tuple[Link, Link], journal: Journal, other: Journal, until: Until
) -> None:
    served.cloud.down = False
    third = Journal(3)
    served.cloud.publish_branch(device_of(journal), device_of(other), device_of(third))
    until(lambda: len(served.router.devices.all()) == 3)
    assert coffee(traded[0]).level_milli is None


def test_a_question_that_is_none_is_malformed(served: Running, journal: Journal) -> None:
    many = "".join(f"&product={an_id(number)}" for number in range(PRODUCTS_MAX + 1))
    for query in (
        "", f"?date={DAY}", f"?product={COFFEE}", f"?date={DAY}&product=X", f"?date={DAY}{many}",
        f"?date=today&product={COFFEE}",
    ):  # fmt: skip
        assert slug_of(raw(served, journal, "GET", STOCK + query)) == (400, "malformed"), query


def test_nobody_but_the_branchs_own_terminals_is_told(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    assert_only_for_terminals(served, TARGET, journal, other, until)
