"""What each day sold, by the ledger: exact for the line that is held, whatever became of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest
from msgspec.structs import asdict as fields_of
from msgspec.structs import replace

from router_agent.operations.sums import Sums, merge
from router_agent.outbound import bases, day_totals, ledger, store
from router_agent.outbound.ledger import Ledger
from sentra.domain.drawer import summarise
from sentra.events import Fact, Tender
from sentra.money import AMOUNT_MAX
from sentra.protocol.bodies import decode_fact
from sentra.protocol.branch import DaySums
from sentra.protocol.entry import Entry, Head, head_of, make_entry
from sentra.protocol.segment import seal
from sentra.vault.database import Vault
from tests.support.journals import DAY, START_MS, Journal, a_refund, a_sale
from tests.unit.router_agent.test_lane import a_clone_of, take

NEXT_DAY = "2026-11-23"


@pytest.fixture
def journal() -> Journal:
    """Ten sales of Rp 4.500."""
    made = Journal()
    made.sell(10)
    return made


def sums(vault: Vault, journal: Journal, date: str = DAY) -> DaySums:
    """Of a day, after everything was read."""
    while Ledger(vault).read_on():
        pass
    with vault.reader() as db:
        counted = day_totals.sums_of(db, journal.terminal, date)
    return counted


def rebuilt(vault: Vault, journal: Journal) -> DaySums:
    with vault.writer() as db:
        ledger.forget(db, journal.terminal)
    return sums(vault, journal)


def is_whole(vault: Vault, journal: Journal, date: str) -> bool:
    with vault.reader() as db:
        cursor = day_totals.cursor_of(db, journal.terminal)
    return cursor is not None and cursor.has_whole(date)


def in_next_epoch(journal: Journal, kept: int, *amounts: int) -> tuple[Journal, bytes]:
    """The terminal, restored to its first `kept` entries, and what it sold in its next epoch."""
    restored = a_clone_of(journal)
    restored.entries = restored.entries[:kept]
    restored.head = Head(2, 0, head_of(restored.entries[-1]).hash)
    for number, amount in enumerate(amounts, 501):
        restored.write(a_sale(number, amount))
    return restored, seal(restored.entries[kept:], restored.key)


def test_a_days_sums_are_those_of_the_x_report(vault: Vault) -> None:
    journal, card = Journal(), Tender("card", 20_000, 20_000, 0)
    dear = replace(
        a_sale(2, 22_000), tenders=(card, Tender("cash", 1_900, 5_000, 3_100)), rounding=-100,
        discount_total=500, tax_total=2_180,
    )  # fmt: skip
    back = replace(a_refund(dear, 1), rounding=-50, tax_total=2_180)
    facts: list[Fact] = [a_sale(1), dear, back, a_sale(3, 1_000)]
    for fact in facts:
        journal.write(fact)
    take(vault, journal, journal.sealed(1, 2), journal.sealed(3, 4))
    report = summarise(0, facts)
    counted = sums(vault, journal)
    for name in set(DaySums.__struct_fields__) - {"tenders"}:
        assert getattr(counted, name) == getattr(report, name), name
    assert {kind: fields_of(told) for kind, told in counted.tenders.items()} == {
        told.kind: {"count": told.count, "amount": told.amount} for told in report.tenders
    }


def test_a_day_is_its_shifts_and_not_the_clocks(vault: Vault, journal: Journal) -> None:
    journal.write(replace(a_sale(11, 7_000), business_date=NEXT_DAY))
    take(vault, journal, journal.sealed(1, 11))
    assert sums(vault, journal).gross_sales == 45_000
    assert sums(vault, journal, NEXT_DAY).gross_sales == 7_000
    assert sums(vault, journal, "2026-11-24") == DaySums()


@pytest.mark.parametrize("read_when", [(), (0,), (0, 1), (0, 2), (0, 1, 2)], ids=str)
def test_what_a_journal_left_counts_no_more_whenever_it_is_read(
    vault: Vault, journal: Journal, read_when: Sequence[int]
) -> None:
    """The terminal was restored to its fourth sale and sold two others in its next epoch."""
    restored, second = in_next_epoch(journal, 4, 1_000, 2_000)
    steps: tuple[Callable[[], object], ...] = (
        lambda: take(vault, journal, journal.sealed(1, 6), journal.sealed(7, 10)),
        lambda: take(vault, journal, second),
        lambda: take(vault, journal, journal.sealed(1, 4)),
        lambda: take(vault, journal, second),
    )
    for number, step in enumerate(steps):
        step()
        if number in read_when:
            sums(vault, journal)
    counted = sums(vault, restored)
    assert (counted.sale_count, counted.gross_sales) == (6, 4 * 4_500 + 3_000)
    assert rebuilt(vault, restored) == counted


def test_a_line_that_is_left_while_it_is_read_counts_no_more_at_the_next_reading(
    vault: Vault, journal: Journal
) -> None:
    _restored, second = in_next_epoch(journal, 4, 1_000)
    take(vault, journal, journal.sealed(1, 10))
    with vault.reader() as db:
        stale = list(ledger._portions(db))
    take(vault, journal, second)
    take(vault, journal, journal.sealed(1, 4), second)
    with vault.writer() as db:
        for one in stale:
            ledger._write(db, one)
    assert sums(vault, journal).gross_sales == 4 * 4_500 + 1_000


def test_what_two_threads_read_at_once_counts_once(vault: Vault, journal: Journal) -> None:
    take(vault, journal, journal.sealed(1, 10))
    with vault.reader() as db:
        twice = [*ledger._portions(db), *ledger._portions(db)]
    with vault.writer() as db:
        for one in twice:
            ledger._write(db, one)
    assert sums(vault, journal).sale_count == 10


def test_a_line_that_is_cut_into_other_segments_counts_once(vault: Vault, journal: Journal) -> None:
    take(vault, journal, journal.sealed(1, 5))
    assert sums(vault, journal).sale_count == 5
    take(vault, journal, journal.sealed(3, 8))
    take(vault, journal, journal.sealed(1, 2), journal.sealed(3, 8))
    assert sums(vault, journal).sale_count == 8


def test_a_cart_that_was_sold_at_two_tills_counts_once_also_when_one_leaves_its_line(
    vault: Vault, journal: Journal
) -> None:
    other = Journal(2)
    other.write(replace(a_sale(1, 9_000, terminal_number=2)))
    other.write(a_sale(7))
    take(vault, journal, journal.sealed(1, 10))
    take(vault, other, other.sealed(1, 2))
    assert (sums(vault, journal).sale_count, sums(vault, other).sale_count) == (10, 1)
    _restored, second = in_next_epoch(journal, 4, 1_000)
    take(vault, journal, second)
    take(vault, journal, journal.sealed(1, 4), second)
    assert sums(vault, journal).sale_count == 5
    counted = sums(vault, other)
    assert (counted.sale_count, counted.gross_sales) == (2, 13_500)


def test_what_is_dropped_for_its_age_stays_counted(vault: Vault, journal: Journal) -> None:
    take(vault, journal, journal.sealed(1, 6), journal.sealed(7, 10))
    before = sums(vault, journal)
    with vault.writer() as db:
        db.execute("UPDATE held_head SET sent_epoch = 1, sent_seq = 10")
        assert bases.forget(db, journal.terminal, head_of(journal.entries[5])) == 1
    journal.sell(1)
    take(vault, journal, journal.sealed(11, 11))
    counted = sums(vault, journal)
    assert counted.sale_count == before.sale_count + 1
    assert is_whole(vault, journal, DAY)


def test_a_router_that_came_in_the_midst_of_a_day_says_so_of_that_day_alone(
    vault: Vault, journal: Journal
) -> None:
    with vault.writer() as db:
        assert bases.begin_at(db, journal.terminal, head_of(journal.entries[5]))
    assert not is_whole(vault, journal, DAY)
    journal.write(replace(a_sale(11), business_date=NEXT_DAY))
    take(vault, journal, journal.sealed(7, 11))
    assert sums(vault, journal).sale_count == 4
    assert (is_whole(vault, journal, DAY), is_whole(vault, journal, NEXT_DAY)) == (False, True)


def test_the_oldest_days_go_and_are_not_called_whole(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_totals, "DAYS_KEPT", 2)
    journal = Journal()
    days = ("2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23")
    for number, day in enumerate(days, 1):
        journal.write(replace(a_sale(number), business_date=day))
    take(vault, journal, journal.sealed(1, 4))
    assert [sums(vault, journal, day).sale_count for day in days] == [0, 0, 1, 1]
    assert [is_whole(vault, journal, day) for day in days] == [False, False, True, True]


def a_strange_entry(journal: Journal, kind: str, body: bytes) -> Entry:
    entry = make_entry(journal.terminal, journal.head, kind, 1, START_MS, DAY, body)
    journal.head = head_of(entry)
    journal.entries.append(entry)
    return entry


def unread(vault: Vault, journal: Journal) -> int:
    with vault.reader() as db:
        cursor = day_totals.cursor_of(db, journal.terminal)
    assert cursor is not None
    return cursor.unread


def test_entries_that_cannot_be_read_are_told_and_tried_again(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal()
    journal.sell(1)
    absurd = replace(a_sale(2), total=AMOUNT_MAX + 1)
    journal.write(absurd)
    a_strange_entry(journal, "sale.dreamt", msgspec.json.encode(a_sale(3)))
    take(vault, journal, journal.sealed(1, 3))
    assert (sums(vault, journal).sale_count, unread(vault, journal)) == (1, 2)
    Ledger(vault).try_unread_again()
    assert (sums(vault, journal).sale_count, unread(vault, journal)) == (1, 2)
    monkeypatch.setattr(
        ledger, "decode_fact",
        lambda kind, schema, body: decode_fact(kind.replace("dreamt", "completed"), schema, body),
    )  # fmt: skip
    Ledger(vault).try_unread_again()
    assert (sums(vault, journal).sale_count, unread(vault, journal)) == (2, 1)


def test_a_damaged_segment_is_told_and_keeps_nothing_behind_it_back(
    vault: Vault, journal: Journal
) -> None:
    take(vault, journal, journal.sealed(1, 4), journal.sealed(5, 6), journal.sealed(7, 10))
    with vault.writer() as db:
        db.execute("UPDATE held_segment SET sealed = x'00' WHERE last_seq = 6")
    assert (sums(vault, journal).sale_count, unread(vault, journal)) == (8, 2)
    with vault.reader() as db:
        assert not list(ledger._portions(db)), "it is read once"
        assert store.head_of(db, journal.terminal) == journal.head


def test_a_merge_is_the_sum_of_its_parts() -> None:
    facts = [a_sale(1), replace(a_sale(2), tenders=(Tender("qris", 4_500, 4_500, 0),))]
    one, other, together = Sums(), Sums(), Sums()
    for each, fact in zip((one, other), facts, strict=True):
        each.add(fact)
        together.add(fact)
    merge(one.days[DAY], other.days[DAY])
    assert one.days == together.days
