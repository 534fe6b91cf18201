"""Facts that cannot be, or concern a person: kept, set aside or told; none holds up others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, make_url, text

from sentra.cloud.findings import refunded
from sentra.cloud.identity import new_id
from sentra.events import SaleCompleted, SaleLine, StockMoved
from sentra.protocol.envelope import Parcel
from syncd.service.operations.append import append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from tests.integration.sync.appending import (
    Ask,
    Prove,
    Send,
    ask,
    journal,
    outcome,
    prove,
    send,
    write,
    write_raw,
)
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.journals import DAY, Journal, a_refund, a_sale, an_id

__all__ = ["ask", "journal", "prove", "send"]


def a_line(**changes: object) -> SaleLine:
    line = SaleLine(1, None, "X", "Kopi", "pcs", 1000, 4_500, 0, 4_500, "NONE", 4_500, 0)
    return replace(line, **changes)


SALE = a_sale(500)
LONG = "".join(map(chr, range(300, 9_300)))
"""Nothing repeats, so PostgreSQL cannot compress it into an index."""

BAD_FACTS: dict[str, SaleCompleted] = {
    "a NUL in a name": replace(SALE, lines=(a_line(name="Ko\0pi"),)),
    "an id that is none": replace(SALE, sale_id="{01A20201-C480-7A5E-81AE-91983F389099}"),
    "a day that is none": replace(SALE, business_date="2026-13-45"),
    "a day that PostgreSQL would understand": replace(SALE, business_date="yesterday"),
    "an amount beyond 64 bits": replace(SALE, total=2**63),
    "a sum that would overflow": replace(SALE, total=2**62),
    "a zone that is none": replace(SALE, zone="Mars/Olympus"),
    "a time beyond the calendar": replace(SALE, completed_at_ms=2**61),
    "a line number beyond 32 bits": replace(SALE, lines=(a_line(position=2**40),)),
    "two lines with one number": replace(SALE, lines=(a_line(), a_line())),
    "a name too long for an index": replace(SALE, lines=(a_line(name="é" * 4_000),)),
    "a receipt too long for an index": replace(
        SALE, receipt_number="".join(map(chr, range(300, 9_300)))
    ),
}


@pytest.mark.parametrize("what", BAD_FACTS)
def test_a_fact_that_no_table_can_hold_is_set_aside_and_holds_up_nothing(
    send: Send, journal: Journal, ask: Ask, prove: Prove, what: str
) -> None:
    journal.sell(3)
    write(journal, BAD_FACTS[what])
    journal.sell(4)
    assert outcome(send(journal.sealed(1, 8))) == ("appended", 8)
    assert ask("SELECT count(*) FROM sale") == [(7,)]
    assert ask("SELECT kind, seq FROM exception") == [("fact-not-projected", 4)]
    assert prove().differences == []


def test_where_a_sum_is_full_what_was_sold_is_taken_and_told(
    engine: Engine,
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
) -> None:
    journal.sell(2)
    send(journal.sealed(1, 1))
    with engine.begin() as connection:
        connection.execute(text("UPDATE hourly_sales SET total = 9223372036854775807"))
    assert outcome(send(journal.sealed(2, 2))) == ("appended", 1)
    assert ask("SELECT kind FROM exception") == [("sums-overflow",)]
    assert ask("SELECT count(*) FROM sale") == [(2,)]
    assert ask("SELECT sale_count, total FROM hourly_sales") == [(1, 9223372036854775807)]


def test_unknown_and_unreadable_facts_are_kept_and_set_aside(
    send: Send, journal: Journal, ask: Ask, prove: Prove
) -> None:
    write_raw(journal, "coupon.used", 1, b"{}")
    write_raw(journal, "sale.completed", 2, b"{}")
    write_raw(journal, "sale.completed", 1, b"no JSON")
    write_raw(journal, "sale.completed", 1, b'{"sale_id":' + b"[" * 5_000)
    write_raw(journal, "sale.completed", 1, b"")
    journal.sell(1)
    assert outcome(send(journal.sealed(1, 6))) == ("appended", 6)
    kinds = ask("SELECT kind, count(*) FROM exception GROUP BY 1 ORDER BY 1")
    assert kinds == [("fact-unknown", 2), ("fact-unreadable", 3)]
    assert ask("SELECT count(*) FROM sale") == [(1,)]
    assert prove().differences == []


def test_a_sale_that_was_recorded_twice_is_one_sale_and_an_exception(
    send: Send, journal: Journal, ask: Ask, prove: Prove
) -> None:
    journal.sell(2)
    write(journal, a_sale(1, terminal_number=1))
    assert outcome(send(journal.sealed(1, 3))) == ("appended", 3)
    journal.sell(1)
    write(journal, a_sale(2, terminal_number=1))
    assert outcome(send(journal.sealed(4, 5))) == ("appended", 2)
    assert ask("SELECT count(*) FROM sale") == [(3,)]
    assert ask("SELECT kind, seq FROM exception ORDER BY seq") == [
        ("fact-duplicate", 3),
        ("fact-duplicate", 5),
    ]
    assert prove().differences == []


def test_a_cart_that_two_tills_sold_while_they_were_apart_is_one_sale_and_an_exception(
    send: Send,
    journal: Journal,
    make_device: Callable[..., TestDevice],
    ask: Ask,
    prove: Prove,
    terminal: TestDevice,
) -> None:
    device = make_device(terminal.branch_id, "terminal", 2)
    other = Journal(2)
    other.terminal, other.key = device.id, device.key
    cart = a_sale(1, terminal_number=1)
    write(journal, cart)
    write(other, replace(cart, receipt_number="SGT-2-261122-0001", cashier_name="Budi"))
    send(journal.sealed(1, 1))
    by = Carrier(device.id, "terminal", device.branch_id)
    assert outcome(send(other.sealed(1, 1), carrier=by)) == ("appended", 1)
    assert ask("SELECT receipt_number FROM sale") == [(cart.receipt_number,)]
    assert ask("SELECT kind, terminal_id::text, resolved_at_ms FROM exception") == [
        ("fact-duplicate", device.id, None)
    ]
    assert prove().differences == []


def test_texts_of_any_script_and_form_come_back_as_they_are(
    send: Send, journal: Journal, ask: Ask, prove: Prove
) -> None:
    names = [
        "None",
        "\\N",
        "\\.",
        "a\tb\nc\rd",
        "‘é’ 日本 🥤",
        "",
        "'; DROP TABLE sale; --",
        "\\x00",
    ]
    for name in names:
        number = len(journal.entries) + 1
        write(journal, replace(a_sale(number), lines=(a_line(name=name, note=name),), note=name))
    assert outcome(send(journal.sealed(1, len(names)))) == ("appended", len(names))
    stored = ask(
        "SELECT l.name, l.note, s.note FROM sale_line l JOIN sale s USING (sale_id) ORDER BY s.seq"
    )
    assert stored == [(name, name, name) for name in names]
    assert prove().differences == []


def stock(product: str, kind: str, quantity_milli: int, number: int) -> StockMoved:
    who = (an_id(900_001), "Dewi")
    return StockMoved(
        an_id(700_000 + number), product, "X", "Kopi", kind, quantity_milli, *who, NOW_MS, DAY, "-"
    )


def test_unknown_products_and_negative_stock_are_exceptions_never_refusals(
    send: Send, journal: Journal, ask: Ask
) -> None:
    counted, uncounted = an_id(600_001), an_id(600_002)
    write(journal, stock(counted, "receipt", 3_000, 1))
    for number, product in enumerate((counted, counted, uncounted, counted, counted), 1):
        line = a_line(product_id=product)
        write(journal, replace(a_sale(number), lines=(line,)))
    assert outcome(send(journal.sealed(1, 3))) == ("appended", 3)
    assert outcome(send(journal.sealed(4, 6))) == ("appended", 3)
    rows = ask(
        "SELECT kind, params->>'product_id', params->>'quantity_milli' FROM exception ORDER BY 1, 2"
    )
    assert rows == [
        ("product-unknown", counted, None),
        ("product-unknown", uncounted, None),
        ("stock-negative", counted, "-1000"),
    ]


@pytest.mark.parametrize("sale_first", [True, False])
def test_of_a_sale_and_its_refunds_at_one_moment_the_later_looks(
    app_database_url: str,
    send: Send,
    journal: Journal,
    terminal: TestDevice,
    make_device: Callable[..., TestDevice],
    ask: Ask,
    until: Callable[..., None],
    *,
    sale_first: bool,
) -> None:
    other_till = make_device(terminal.branch_id, number=2)
    other = Journal(2)
    other.terminal, other.key = other_till.id, other_till.key
    journal.sell(1)
    for number in (1, 2):
        other.write(a_refund(a_sale(1), number))
    sale, refunds = (journal, journal.sealed(1, 1)), (other, other.sealed(1, 2))
    first, later = (sale, refunds) if sale_first else (refunds, sale)
    dsn = make_url(app_database_url).set(drivername="postgresql")
    connection = psycopg2.connect(dsn.render_as_string(hide_password=False))

    def carrier(of: Journal) -> Carrier:
        return Carrier(of.terminal, "terminal", terminal.branch_id)

    store = JournalStore(connection, new_id)
    append_envelope(store, [Parcel(first[1])], carrier(first[0]), NOW_MS)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, later[1], carrier=carrier(later[0]))
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        until(lambda: bool(ask(waits)))
        connection.commit()
        waiting.result()
    connection.close()
    assert ask("SELECT kind FROM exception") == [("refund-excess",)]


def test_no_other_sale_is_read_to_know_which_were_refunded_in_a_new_branch(
    app_database_url: str, send: Send, journal: Journal, terminal: TestDevice
) -> None:
    """PostgreSQL knows nothing yet of what is in its tables."""
    journal.sell(300)
    send(journal.sealed(1, 300))
    dsn = make_url(app_database_url).set(drivername="postgresql")
    connection = psycopg2.connect(dsn.render_as_string(hide_password=False))
    with connection.cursor() as cursor:
        sales = [a_sale(299).sale_id, a_sale(300).sale_id]
        assert refunded(cursor, terminal.branch_id, sales, gives_back=False) == set()
        cursor.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
        )
        assert cursor.fetchone() == (0,)
    connection.close()


def test_many_refunds_at_once_in_a_new_branch_are_looked_at_in_no_time(
    app_database_url: str, journal: Journal, terminal: TestDevice
) -> None:
    """PostgreSQL knows nothing yet of what is in its tables."""
    for number in range(1, 401):
        journal.write(a_refund(a_sale(number), number))
    dsn = make_url(app_database_url).set(drivername="postgresql")
    connection = psycopg2.connect(dsn.render_as_string(hide_password=False))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '5s'")
    carrier = Carrier(terminal.id, "terminal", terminal.branch_id)
    store = JournalStore(connection, new_id)
    appended = append_envelope(store, [Parcel(journal.sealed(1, 400))], carrier, NOW_MS)
    connection.close()
    assert not appended.opened
