"""What every journal's store does with an envelope: the one in memory, and PostgreSQL's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from sqlalchemy import Engine, make_url, text

from sentra.cloud.identity import new_id
from sentra.events import SaleLine, StockMoved
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import Head, head_of, make_entry
from sentra.protocol.envelope import Parcel
from sentra.protocol.segment import seal
from syncd.service.operations.append import Appended, Store, append_envelope
from syncd.service.operations.journals import Carrier, Terminal
from syncd.service.outbound.journal_store import JournalStore
from tests.fakes.journal_store import MemoryStore
from tests.present import NOW_MS
from tests.support.journals import DAY, Journal, a_refund, a_sale, an_id

BRANCH = an_id(500_000)


@dataclass(slots=True)
class Desk:
    """A store under test, and what it has raised so far."""

    store: Store
    branch_id: str
    enrol: Callable[[Journal], None]
    kinds: Callable[[], list[str]]

    def send(self, journal: Journal, *sealed: bytes) -> tuple[str, int]:
        """(outcome, appended) of one journal."""
        (one,) = self.append(journal, *sealed).journals
        return one.outcome, one.appended

    def append(self, journal: Journal, *sealed: bytes) -> Appended:
        carrier = Carrier(journal.terminal, "terminal", self.branch_id)
        return append_envelope(self.store, [Parcel(one) for one in sealed], carrier, NOW_MS)


def _in_memory() -> Desk:
    store = MemoryStore()

    def enrol(journal: Journal) -> None:
        key = journal.key.public_key()
        store.known[journal.terminal] = Terminal(journal.terminal, BRANCH, key, revoked=False)

    return Desk(store, BRANCH, enrol, lambda: sorted(one.kind for one in store.exceptions.values()))


@pytest.fixture(params=["memory", "postgres"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    if request.param == "memory":
        yield _in_memory()
        return
    engine: Engine = request.getfixturevalue("engine")
    branch_id = request.getfixturevalue("make_branch")("SGT")
    url = make_url(request.getfixturevalue("app_database_url"))
    connection = psycopg2.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False)
    )

    def enrol(journal: Journal) -> None:
        with engine.begin() as writing:
            writing.execute(
                text(
                    "INSERT INTO device (id, role, branch_id, number, name, public_key,"
                    " enrolled_at_ms) VALUES (:id, 'terminal', :branch, :number, 'x', :key, 0)"
                ),
                {
                    "id": journal.terminal,
                    "branch": branch_id,
                    "number": journal.number,
                    "key": journal.key.public_key().public_bytes_raw().hex(),
                },
            )

    def kinds() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind FROM exception ORDER BY kind")
            return [kind for (kind,) in cursor]

    yield Desk(JournalStore(connection, new_id), branch_id, enrol, kinds)
    connection.close()


@pytest.fixture
def journal(desk: Desk) -> Journal:
    made = Journal()
    desk.enrol(made)
    return made


def test_what_follows_is_appended_and_what_was_had_is_skipped(desk: Desk, journal: Journal) -> None:
    journal.sell(10)
    assert desk.send(journal, journal.sealed(1, 4)) == ("appended", 4)
    assert desk.send(journal, journal.sealed(1, 4)) == ("already", 0)
    assert desk.send(journal, journal.sealed(5, 10), journal.sealed(1, 4)) == ("appended", 6)
    assert desk.kinds() == []


def test_an_empty_envelope_is_no_journal(desk: Desk, journal: Journal) -> None:
    assert desk.append(journal).journals == []


def test_a_hole_is_a_gap_and_says_where_to_go_on(desk: Desk, journal: Journal) -> None:
    journal.sell(10)
    desk.send(journal, journal.sealed(1, 3))
    (one,) = desk.append(journal, journal.sealed(6, 10)).journals
    assert (one.outcome, one.head) == ("gap", head_of(journal.entries[2]))


def test_an_overlap_adds_only_what_is_new(desk: Desk, journal: Journal) -> None:
    journal.sell(9)
    desk.send(journal, journal.sealed(1, 5))
    assert desk.send(journal, journal.sealed(3, 9)) == ("appended", 4)
    assert desk.send(journal, journal.sealed(1, 9)) == ("already", 0)


def test_a_new_epoch_chains_to_the_old_one(desk: Desk, journal: Journal) -> None:
    journal.sell(3)
    desk.send(journal, journal.sealed(1, 3))
    journal.head = Head(2, 0, journal.head.hash)
    journal.sell(2)
    assert desk.send(journal, seal(journal.entries[3:], journal.key)) == ("appended", 2)
    journal.head = Head(4, 0, journal.head.hash)
    journal.sell(1)
    last = seal(journal.entries[5:], journal.key)
    assert desk.send(journal, last) == ("appended", 1), "epochs may leave numbers out"
    assert desk.send(journal, last) == ("already", 0)


def test_a_second_line_is_kept_beside_the_first(desk: Desk, journal: Journal) -> None:
    journal.sell(4)
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.entries, clone.head = list(journal.entries), journal.head
    journal.sell(2)
    clone.sell(4, amount=1)
    desk.send(journal, journal.sealed(1, 6))
    assert desk.send(journal, clone.sealed(5, 6)) == ("fork", 0)
    assert desk.send(journal, clone.sealed(7, 8)) == ("fork", 0)
    journal.sell(1)
    assert desk.send(journal, journal.sealed(7, 7)) == ("appended", 1)
    assert desk.kinds() == ["journal-fork"]


def test_a_second_line_in_several_segments_is_kept_from_one_envelope(
    desk: Desk, journal: Journal
) -> None:
    journal.sell(4)
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.entries, clone.head = list(journal.entries), journal.head
    journal.sell(2)
    clone.sell(6, amount=1)
    desk.send(journal, journal.sealed(1, 6))
    assert desk.send(journal, clone.sealed(5, 6), clone.sealed(7, 8)) == ("fork", 0)
    assert desk.send(journal, clone.sealed(9, 10)) == ("fork", 0), "it hangs on what came before"


def test_a_foreign_key_or_chain_changes_nothing(desk: Desk, journal: Journal) -> None:
    journal.sell(2)
    other = Journal()
    other.sell(3, amount=1)
    desk.send(journal, journal.sealed(1, 2))
    (one,) = desk.append(journal, other.sealed(3, 3)).journals
    assert (one.outcome, one.problem) == ("refused", "chain-broken")
    journal.sell(1)
    forged = seal(journal.entries[2:3], Ed25519PrivateKey.generate())
    (one,) = desk.append(journal, forged).journals
    assert (one.outcome, one.problem) == ("refused", "signature-wrong")
    assert desk.send(journal, journal.sealed(3, 3)) == ("appended", 1)


def test_an_unknown_terminal_has_no_journal_here(desk: Desk, journal: Journal) -> None:
    stranger = Journal(2)
    stranger.sell(1)
    (one,) = desk.append(stranger, stranger.sealed(1, 1)).journals
    assert (one.outcome, one.problem, one.head) == ("refused", "device-unknown", None)


def test_unknown_unreadable_and_doubled_facts_are_set_aside(desk: Desk, journal: Journal) -> None:
    journal.sell(1)
    bodies = [("coupon.used", b"{}"), ("sale.completed", b"{"), encode_body()]
    for kind, body in bodies:
        entry = make_entry(journal.terminal, journal.head, kind, 1, NOW_MS, DAY, body)
        journal.head = head_of(entry)
        journal.entries.append(entry)
    assert desk.send(journal, journal.sealed(1, 4)) == ("appended", 4)
    assert desk.kinds() == ["fact-duplicate", "fact-unknown", "fact-unreadable"]


def encode_body() -> tuple[str, bytes]:
    """The journal's first sale once more."""
    kind, _, body = encode_fact(a_sale(1))
    return kind, body


def test_stock_below_zero_is_said_once_a_day_and_only_of_counted_goods(
    desk: Desk, journal: Journal
) -> None:
    counted, uncounted = an_id(600_001), an_id(600_002)
    who = (an_id(900_001), "Dewi")
    moved = StockMoved(
        an_id(700_001), counted, "X", "Kopi", "receipt", 1_000, *who, NOW_MS, DAY, "-"
    )
    facts = [encode_fact(moved)]
    for number, product in enumerate((counted, uncounted, counted, counted), 1):
        line = SaleLine(1, product, "X", "Kopi", "pcs", 1000, 1, 0, 1, "NONE", 1, 0)
        facts.append(encode_fact(replace(a_sale(number), lines=(line,))))
    for kind, schema, body in facts:
        entry = make_entry(journal.terminal, journal.head, kind, schema, NOW_MS, DAY, body)
        journal.head = head_of(entry)
        journal.entries.append(entry)
    desk.send(journal, journal.sealed(1, 4))
    desk.send(journal, journal.sealed(5, 5))
    assert desk.kinds() == ["product-unknown", "product-unknown", "stock-negative"]


def test_what_came_back_more_often_than_it_was_sold_is_said_once(
    desk: Desk, journal: Journal
) -> None:
    sale = a_sale(1)
    journal.write(sale)
    journal.write(a_refund(sale, 1, 600))
    journal.write(a_refund(sale, 2, 400))
    desk.send(journal, journal.sealed(1, 3))
    assert desk.kinds() == []
    journal.write(a_refund(sale, 3, 400))
    journal.write(a_refund(a_sale(77), 4, 1_000))
    desk.send(journal, journal.sealed(4, 5))
    journal.write(a_refund(sale, 5, 400))
    desk.send(journal, journal.sealed(6, 6))
    assert desk.kinds() == ["refund-excess"]


def test_a_sale_that_comes_after_all_its_refunds_is_looked_at(desk: Desk, journal: Journal) -> None:
    other = Journal(2)
    desk.enrol(other)
    journal.sell(3)
    twice, once = a_sale(2), a_sale(3)
    for number, sale in enumerate((twice, twice, once), 1):
        other.write(a_refund(sale, number))
    desk.send(other, other.sealed(1, 3))
    assert desk.kinds() == []
    desk.send(journal, journal.sealed(1, 1), journal.sealed(2, 3))
    assert desk.kinds() == ["refund-excess"]


def test_a_long_backlog_comes_in_growing_runs_and_keeps_its_order(
    desk: Desk, journal: Journal
) -> None:
    journal.sell(1_300)
    assert desk.send(journal, journal.sealed(1, 800), journal.sealed(801, 1_300)) == (
        "appended",
        1_300,
    )
    if isinstance(desk.store, MemoryStore):
        assert desk.store.writes == 3  # 250 + 500 + 550
        assert len(desk.store.segments) == 2
