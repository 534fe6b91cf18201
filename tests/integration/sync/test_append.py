"""The append on real PostgreSQL: once, in order, whatever comes twice, late, twofold or broken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, make_url, text

from sentra.cloud.identity import new_id
from sentra.events import Fact, SaleCompleted, SaleLine, StockMoved
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import Head, head_of, make_entry
from sentra.protocol.envelope import Parcel
from sentra.protocol.segment import seal
from syncd.service.operations.append import Ahead, Appended, append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.outbound.threads import one_ahead
from syncd.service.verify import CloudReport, verify_cloud
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.journals import DAY, Journal, a_refund, a_sale, an_id

Send = Callable[..., Appended]


@pytest.fixture
def journal(terminal: TestDevice) -> Journal:
    made = Journal()
    made.terminal, made.key = terminal.id, terminal.key
    return made


@pytest.fixture
def send(app_database_url: str, terminal: TestDevice) -> Send:
    """Appends sealed segments in a transaction of their own, each call on a new connection."""
    url = make_url(app_database_url)
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def run(*sealed: bytes, carrier: Carrier | None = None, ahead: Ahead = iter) -> Appended:
        connection = psycopg2.connect(dsn)
        try:
            by = carrier or Carrier(terminal.id, "terminal", terminal.branch_id)
            parcels = [Parcel(one) for one in sealed]
            result = append_envelope(
                JournalStore(connection, new_id), parcels, by, NOW_MS, ahead=ahead
            )
            connection.commit()
            return result
        finally:
            connection.close()

    return run


@pytest.fixture
def prove(engine: Engine) -> Callable[[], CloudReport]:
    def run() -> CloudReport:
        with engine.connect() as connection:
            return verify_cloud(connection)

    return run


@pytest.fixture
def ask(engine: Engine) -> Callable[[str], list[tuple[object, ...]]]:
    def run(statement: str) -> list[tuple[object, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    return run


def write(journal: Journal, *facts: Fact) -> None:
    """Append any facts to a journal."""
    for fact in facts:
        kind, schema, body = encode_fact(fact)
        write_raw(journal, kind, schema, body)


def write_raw(journal: Journal, kind: str, schema: int, body: bytes) -> None:
    entry = make_entry(journal.terminal, journal.head, kind, schema, NOW_MS, DAY, body)
    journal.head = head_of(entry)
    journal.entries.append(entry)


def outcome(appended: Appended) -> tuple[str, int]:
    (one,) = appended.journals
    return one.outcome, one.appended


def test_segments_in_any_order_and_interleaving_end_as_one_journal(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(20)
    first, second, third = journal.sealed(1, 5), journal.sealed(6, 15), journal.sealed(16, 20)
    assert outcome(send(third)) == ("gap", 0)
    assert outcome(send(second, first)) == ("appended", 15)
    assert outcome(send(first, second)) == ("already", 0)
    assert outcome(send(first, third, second)) == ("appended", 5)
    report = prove()
    assert report.differences == []
    assert report.journals[0].head == journal.head


def test_a_segment_that_overlaps_adds_only_what_is_new(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(10)
    send(journal.sealed(1, 6))
    assert outcome(send(journal.sealed(4, 10))) == ("appended", 4)
    assert outcome(send(journal.sealed(1, 10))) == ("already", 0)
    assert prove().differences == []


def test_a_new_epoch_follows_the_last_entry_of_the_one_before(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(4)
    send(journal.sealed(1, 4))
    journal.head = Head(2, 0, journal.head.hash)
    journal.sell(3)
    second = seal(journal.entries[4:], journal.key)
    assert outcome(send(second)) == ("appended", 3)
    assert outcome(send(second, journal.sealed(1, 4))) == ("already", 0)
    report = prove()
    assert report.differences == []
    assert (report.journals[0].head.epoch, report.journals[0].head.seq) == (2, 3)


def test_epochs_may_leave_numbers_out(
    send: Send,
    journal: Journal,
    prove: Callable[[], CloudReport],
    ask: Callable[[str], list[tuple[object, ...]]],
) -> None:
    journal.sell(4)
    send(journal.sealed(1, 4))
    journal.head = Head(3, 0, journal.head.hash)
    journal.sell(2)
    assert outcome(send(seal(journal.entries[4:5], journal.key))) == ("appended", 1)
    assert outcome(send(seal(journal.entries[4:], journal.key))) == ("appended", 1), "it overlaps"
    assert prove().differences == []
    assert ask("SELECT kind, severity, params->>'new_epoch' FROM exception") == [
        ("journal-restored", "warning", "3")
    ]


def a_clone_of(journal: Journal) -> Journal:
    """Another machine with the same identity, that sells its own sales from here on."""
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.entries, clone.head = list(journal.entries), journal.head
    return clone


def test_two_machines_with_one_identity_lose_no_sale(
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
) -> None:
    journal.sell(5)
    clone = a_clone_of(journal)
    journal.sell(3)
    clone.sell(4, amount=9_900)
    send(journal.sealed(1, 8))
    assert outcome(send(clone.sealed(6, 8))) == ("fork", 0)
    assert outcome(send(clone.sealed(9, 9))) == ("fork", 0), "it chains to the fork lane"
    assert outcome(send(clone.sealed(6, 8), clone.sealed(9, 9))) == ("fork", 0)
    assert ask("SELECT first_seq, last_seq FROM fork_segment ORDER BY 1") == [(6, 8), (9, 9)]
    assert ask("SELECT kind, severity FROM exception") == [("journal-fork", "error")]
    journal.sell(1)
    assert outcome(send(journal.sealed(9, 9))) == ("appended", 1), "the main line goes on"
    total = 9 * 4_500 + 4 * 9_900
    assert ask("SELECT sum(total) FROM sale") == [(total,)], "its money is in the books"
    assert ask("SELECT sum(total) FROM hourly_sales") == [(total,)]
    assert ask("SELECT seq FROM sale WHERE epoch = -1 ORDER BY seq") == [(6,), (7,), (8,), (9,)]
    assert prove().differences == []


def test_a_line_whose_beginning_comes_late_is_projected_then(
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
) -> None:
    journal.sell(5)
    clone = a_clone_of(journal)
    journal.sell(4)
    clone.sell(4, amount=9_900)
    send(journal.sealed(1, 9))
    assert outcome(send(clone.sealed(8, 9))) == ("fork", 0)
    assert ask("SELECT count(*) FROM sale WHERE epoch < 0") == [(0,)]
    assert outcome(send(clone.sealed(6, 7))) == ("fork", 0)
    assert ask("SELECT count(*) FROM sale WHERE epoch < 0") == [(4,)]
    assert ask("SELECT sum(total) FROM hourly_sales") == [(9 * 4_500 + 4 * 9_900,)]
    assert prove().differences == []


def test_a_fact_of_the_fork_lane_that_is_recorded_again_counts_once(
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
) -> None:
    journal.sell(5)
    send(journal.sealed(1, 5))
    lost = a_clone_of(journal)
    lost.sell(3)
    journal.sell(1)
    send(journal.sealed(6, 6))
    assert outcome(send(lost.sealed(6, 8))) == ("fork", 0)
    journal.head = Head(2, 0, journal.head.hash)
    for entry in lost.entries[5:]:
        again = make_entry(
            journal.terminal, journal.head, entry.kind, entry.schema, NOW_MS, DAY, entry.body
        )
        journal.entries.append(again)
        journal.head = head_of(again)
    assert outcome(send(seal(journal.entries[6:], journal.key))) == ("appended", 3)
    assert ask("SELECT sum(total), count(*) FROM sale") == [(9 * 4_500, 9)]
    assert ask("SELECT sum(total) FROM hourly_sales") == [(9 * 4_500,)]
    assert ask("SELECT kind FROM exception WHERE resolved_at_ms IS NULL ORDER BY 1") == [
        ("journal-fork",),
        ("journal-restored",),
    ]
    assert prove().differences == []


def test_another_fact_of_the_same_identity_is_shown_to_a_person(
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
) -> None:
    journal.sell(5)
    send(journal.sealed(1, 5))
    clone = a_clone_of(journal)
    clone.number = journal.number
    journal.sell(1)
    clone.sell(1, amount=7)
    send(journal.sealed(6, 6))
    send(clone.sealed(6, 6))
    assert ask("SELECT sum(total) FROM sale") == [(6 * 4_500,)]
    assert ask("SELECT kind, epoch FROM exception ORDER BY 1") == [
        ("fact-duplicate", -1),
        ("journal-fork", 1),
    ]
    assert prove().differences == []


def test_an_epoch_that_goes_on_from_an_older_end_is_kept_and_counted(
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
) -> None:
    journal.sell(5)
    behind = a_clone_of(journal)
    journal.sell(2)
    send(journal.sealed(1, 7))
    behind.head = Head(2, 0, behind.head.hash)
    behind.sell(2, amount=9_900)
    assert outcome(send(seal(behind.entries[5:], journal.key))) == ("fork", 0)
    assert ask("SELECT sum(total) FROM sale") == [(7 * 4_500 + 2 * 9_900,)]
    assert prove().differences == []


def test_a_chain_that_does_not_fit_changes_nothing(
    send: Send, journal: Journal, ask: Callable[[str], list[tuple[object, ...]]]
) -> None:
    journal.sell(2)
    stranger = Journal()
    stranger.terminal, stranger.key = journal.terminal, journal.key
    stranger.sell(3, amount=1)
    send(journal.sealed(1, 2))
    appended = send(stranger.sealed(3, 3))
    assert appended.journals[0].problem == "chain-broken"
    assert ask("SELECT count(*) FROM journal_entry") == [(2,)]
    assert ask("SELECT count(*) FROM fork_segment") == [(0,)]


def test_the_same_envelope_from_many_threads_at_once_is_appended_once(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(60)
    segments = [journal.sealed(first, first + 9) for first in range(1, 60, 10)]
    start = threading.Barrier(6)

    def race(_: int) -> tuple[str, int]:
        start.wait()
        return outcome(send(*segments))

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(race, range(6)))
    assert sorted(results) == [("already", 0)] * 5 + [("appended", 60)]
    assert prove().differences == []


def test_overlapping_pieces_from_many_threads_meet_without_loss_or_double(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(40)
    pieces = [journal.sealed(first, last) for first, last in ((1, 10), (5, 25), (20, 40), (1, 40))]

    def insist(piece: bytes) -> None:
        for _ in range(30):
            if outcome(send(piece))[0] != "gap":
                return
        raise AssertionError("still a gap")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(insist, pieces))
    report = prove()
    assert report.differences == []
    assert report.journals[0].entries == 40


def test_two_routers_that_bring_the_same_branch_never_wait_in_a_circle(
    send: Send,
    make_device: Callable[..., TestDevice],
    terminal: TestDevice,
    router: TestDevice,
    prove: Callable[[], CloudReport],
) -> None:
    journals = []
    for number in range(2, 7):
        device = make_device(terminal.branch_id, "terminal", number)
        made = Journal(number)
        made.terminal, made.key = device.id, device.key
        made.sell(10)
        journals.append(made)
    carrier = Carrier(router.id, "router", router.branch_id)

    def bring(order: int) -> None:
        for first in (1, 6):
            chosen = journals if order % 2 else journals[::-1]
            send(*(one.sealed(first, first + 4) for one in chosen), carrier=carrier)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(bring, range(8)))
    report = prove()
    assert report.differences == []
    assert sum(one.entries for one in report.journals) == 50


def test_a_large_backlog_is_prepared_ahead_in_another_thread(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(5_000)
    segments = [journal.sealed(first, first + 999) for first in range(1, 5_000, 1_000)]
    assert outcome(send(*segments, ahead=one_ahead)) == ("appended", 5_000)
    report = prove()
    assert report.differences == []
    assert report.journals[0].tally.gross == 5_000 * 4_500


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
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
    what: str,
) -> None:
    journal.sell(3)
    write(journal, BAD_FACTS[what])
    journal.sell(4)
    assert outcome(send(journal.sealed(1, 8))) == ("appended", 8)
    assert ask("SELECT count(*) FROM sale") == [(7,)]
    assert ask("SELECT kind, seq FROM exception") == [("fact-not-projected", 4)]
    assert prove().differences == []


def test_unknown_and_unreadable_facts_are_kept_and_set_aside(
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
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
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
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
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
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
    send: Send,
    journal: Journal,
    ask: Callable[[str], list[tuple[object, ...]]],
    prove: Callable[[], CloudReport],
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
    send: Send, journal: Journal, ask: Callable[[str], list[tuple[object, ...]]]
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
    ask: Callable[[str], list[tuple[object, ...]]],
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


def test_a_commit_that_never_came_leaves_nothing(
    app_database_url: str,
    send: Send,
    journal: Journal,
    terminal: TestDevice,
    ask: Callable[[str], list[tuple[object, ...]]],
) -> None:
    journal.sell(3)
    dsn = make_url(app_database_url).set(drivername="postgresql")
    connection = psycopg2.connect(dsn.render_as_string(hide_password=False))
    carrier = Carrier(terminal.id, "terminal", terminal.branch_id)
    store = JournalStore(connection, new_id)
    append_envelope(store, [Parcel(journal.sealed(1, 3))], carrier, NOW_MS)
    connection.close()
    assert ask("SELECT count(*) FROM journal_entry") == [(0,)]
    assert outcome(send(journal.sealed(1, 3))) == ("appended", 3)


def segments_of(journal: Journal, sizes: Sequence[int]) -> list[bytes]:
    first, made = 1, []
    for size in sizes:
        made.append(journal.sealed(first, first + size - 1))
        first += size
    return made


def test_live_sales_sealed_one_by_one_are_as_good_as_one_segment(
    send: Send, journal: Journal, prove: Callable[[], CloudReport]
) -> None:
    journal.sell(30)
    assert outcome(send(*segments_of(journal, [1] * 30))) == ("appended", 30)
    assert prove().differences == []
