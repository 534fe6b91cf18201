"""How products moved, by the ledger: exact for the line that is held, by day and altogether."""

from __future__ import annotations

from msgspec.structs import replace

from router_agent.outbound import day_totals, ledger, stock_moves
from router_agent.outbound.ledger import Ledger
from router_agent.outbound.stock_moves import DAYS_KEPT, Moves
from sentra.events import RefundCompleted, SaleCompleted, StockMoved
from sentra.money import QUANTITY_MILLI_MAX
from sentra.protocol.entry import Head, head_of
from sentra.protocol.segment import seal
from sentra.vault.database import Vault
from tests.support.journals import DAY, START_MS, Journal, a_refund, a_sale, an_id
from tests.unit.router_agent.test_lane import a_clone_of, take

COFFEE, TEA = an_id(600_001), an_id(600_002)


def sold(
    number: int, milli: int = 1_000, *, product: str = COFFEE, day: str = DAY
) -> SaleCompleted:
    sale = a_sale(number)
    line = replace(sale.lines[0], product_id=product, quantity_milli=milli)
    return replace(sale, lines=(line,), business_date=day)


def given_back(sale: SaleCompleted, number: int, *, restocked: bool) -> RefundCompleted:
    refund = a_refund(sale, number)
    lines = tuple(replace(one, product_id=COFFEE, restocked=restocked) for one in refund.lines)
    return replace(refund, lines=lines)


def came(number: int, milli: int, kind: str = "receipt") -> StockMoved:
    return StockMoved(
        movement_id=an_id(610_000 + number), product_id=COFFEE, code="X", name="Kopi", kind=kind,
        quantity_milli=milli, person_id=an_id(1), person_name="Rudi", moved_at_ms=START_MS,
        business_date=DAY, reason="",
    )  # fmt: skip


def moves(vault: Vault, product: str = COFFEE, day: str = DAY) -> Moves:
    while Ledger(vault).read_on():
        pass
    with vault.reader() as db:
        return stock_moves.moves_of(db, product, day)


def send(vault: Vault, journal: Journal) -> None:
    take(vault, journal, journal.sealed(1, len(journal.entries)))


def test_sales_take_from_the_shelf_and_refunds_put_back_what_is_sold_again(vault: Vault) -> None:
    journal, sale = Journal(), sold(1, 3_000)
    for fact in (
        sale,
        sold(2, 500, product=TEA),
        a_sale(3),
        given_back(sale, 1, restocked=True),
        given_back(sale, 2, restocked=False),
    ):
        journal.write(fact)
    send(vault, journal)
    assert moves(vault) == Moves(sold_on_day_milli=2_000, sold_milli=2_000)
    assert moves(vault, TEA) == Moves(sold_on_day_milli=500, sold_milli=500)
    assert moves(vault, an_id(3)) == Moves()


def test_goods_that_came_were_counted_or_went_are_kept_apart_from_sales(vault: Vault) -> None:
    journal = Journal()
    for fact in (came(1, 24_000), sold(1), came(2, -2_000, "waste"), came(3, 500, "adjustment")):
        journal.write(fact)
    send(vault, journal)
    assert moves(vault) == Moves(1_000, 1_000, 22_500, counts=2)


def test_days_before_the_last_few_are_added_up_and_nothing_is_lost(vault: Vault) -> None:
    journal = Journal()
    days = [f"2026-11-{20 + number}" for number in range(DAYS_KEPT + 2)]
    for number, day in enumerate(days):
        journal.write(sold(number, 1_000 * (number + 1), day=day))
        take(vault, journal, journal.sealed(number + 1, number + 1))
        moves(vault)
    journal.write(sold(90, 500, day=days[0]))
    take(vault, journal, journal.sealed(len(days) + 1, len(days) + 1))
    assert moves(vault).sold_milli == 1_000 * sum(range(1, len(days) + 1)) + 500
    by_day = [moves(vault, day=day).sold_on_day_milli for day in days]
    assert by_day == [0, 0, 3_000, 4_000, 5_000]
    with vault.reader() as db:
        kept = [stock_moves.keeps_day(db, journal.terminal, day) for day in days]
        rows = db.execute("SELECT count(*) FROM ledger_product").fetchone()[0]
    assert kept == [False, False, True, True, True]
    assert rows == DAYS_KEPT + 1


def test_what_a_journal_left_moved_nothing(vault: Vault) -> None:
    journal = Journal()
    for number in range(1, 11):
        journal.write(sold(number))
    journal.write(came(1, 50_000))
    send(vault, journal)
    assert moves(vault) == Moves(10_000, 10_000, 50_000, 1)
    restored = a_clone_of(journal)
    restored.entries = restored.entries[:4]
    restored.head = Head(2, 0, head_of(restored.entries[-1]).hash)
    restored.write(sold(501, 7_000))
    second = seal(restored.entries[4:], restored.key)
    take(vault, journal, second)
    take(vault, journal, journal.sealed(1, 4), second)
    assert moves(vault) == Moves(11_000, 11_000)
    with vault.writer() as db:
        ledger.forget(db, journal.terminal)
    assert moves(vault) == Moves(11_000, 11_000), "it is what reading anew comes to"


def test_a_quantity_that_cannot_be_is_told_and_counts_nothing(vault: Vault) -> None:
    journal = Journal()
    for fact in (sold(1, 2**70), came(1, QUANTITY_MILLI_MAX + 1), sold(2)):
        journal.write(fact)
    send(vault, journal)
    assert moves(vault) == Moves(1_000, 1_000)
    with vault.reader() as db:
        cursor = day_totals.cursor_of(db, journal.terminal)
    assert cursor is not None
    assert cursor.unread == 2
