"""Branch totals over the wire: by terminal and together, and up to which entry they speak."""

from __future__ import annotations

import pytest

from router_agent.inbound import branch as desk
from sentra.link.branch import totals
from sentra.protocol.branch import TOTALS, BranchTotals, TerminalTotals
from sentra.protocol.entry import Head, head_of
from sentra.protocol.envelope import Parcel
from sentra.protocol.segment import seal
from tests.integration.router.asking import Until, assert_only_for_terminals, raw, slug_of
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import a_hello
from tests.support.journals import DAY, Journal, a_refund, a_sale

TARGET = f"{TOTALS}?date={DAY}"


def of(told: BranchTotals, journal: Journal) -> TerminalTotals:
    return next(one for one in told.terminals if one.terminal == journal.terminal)


def test_what_the_branch_sold_is_told_by_terminal_and_together_while_the_internet_is_out(
    served: Running, journal: Journal, other: Journal
) -> None:
    served.cloud.down = True
    one, two = served.link(journal), served.link(other)
    journal.sell(3)
    one.hello(a_hello(journal))
    one.send([Parcel(journal.sealed(1, 3))])
    other.write(a_refund(a_sale(1), 1))
    two.send([Parcel(other.sealed(1, 1))])
    told = totals(two, DAY)
    assert (told.business_date, told.together.sale_count, told.together.refund_count) == (DAY, 3, 1)
    assert (told.together.gross_sales, told.together.refunds_total) == (13_500, 4_500)
    assert (told.together.total, told.together.tenders["cash"].amount) == (9_000, 9_000)
    first, second = of(told, journal), of(told, other)
    assert (first.sums.total, first.epoch, first.seq, first.behind) == (13_500, 1, 3, 0)
    assert (second.sums.total, second.epoch, second.seq) == (-4_500, 1, 1)
    assert first.heard_ms_ago is not None
    assert (first.is_whole, first.unread) == (True, 0)
    assert totals(two, "2026-11-23").together.sale_count == 0


def test_a_till_that_is_behind_is_told_as_behind(
    served: Running, journal: Journal, other: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.sell(10)
    link = served.link(journal)
    link.hello(a_hello(journal))
    link.send([Parcel(journal.sealed(1, 4))])
    told = of(totals(link, DAY), journal)
    assert (told.seq, told.behind, told.sums.sale_count) == (4, 6, 4)
    served.router.reader.stop()
    monkeypatch.setattr(desk, "PORTIONS_MAX", 0)
    link.send([Parcel(journal.sealed(5, 10))])
    told = of(totals(link, DAY), journal)
    assert (told.seq, told.behind, told.sums.sale_count) == (4, 6, 4)
    silent = of(totals(link, DAY), other)
    assert (silent.heard_ms_ago, silent.seq, silent.is_whole) == (None, 0, True)


def test_a_journal_that_opened_another_epoch_counts_once(
    served: Running, journal: Journal, other: Journal
) -> None:
    link, asks = served.link(journal), served.link(other)
    journal.sell(10)
    link.send([Parcel(journal.sealed(1, 10))])
    assert totals(asks, DAY).together.sale_count == 10
    restored = Journal(1)
    restored.entries = journal.entries[:4]
    restored.head = Head(2, 0, head_of(restored.entries[-1]).hash)
    restored.write(a_sale(501, 1_000))
    line = [Parcel(journal.sealed(1, 4)), Parcel(seal(restored.entries[4:], restored.key))]
    assert link.send(line[1:]).outcomes[0].outcome == "gap"
    assert totals(asks, DAY).together.sale_count == 0
    link.send(line)
    told = totals(asks, DAY)
    assert (told.together.sale_count, told.together.gross_sales) == (5, 4 * 4_500 + 1_000)
    assert (of(told, journal).epoch, of(told, journal).seq) == (2, 1)


def test_a_day_that_is_none_is_malformed(served: Running, journal: Journal) -> None:
    for query in ("", "?date=", "?date=today", "?date=2026-11-22x", "?date=%00", "?day=1"):
        assert slug_of(raw(served, journal, "GET", TOTALS + query)) == (400, "malformed"), query


def test_nobody_but_the_branchs_own_terminals_is_told(
    served: Running, journal: Journal, other: Journal, until: Until
) -> None:
    other.sell(1)
    served.link(other).send([Parcel(other.sealed(1, 1))])
    assert_only_for_terminals(served, TARGET, journal, other, until)
    told = totals(served.link(journal), DAY)
    assert of(told, other).sums.sale_count == 1, "what it sold is in the drawer"
