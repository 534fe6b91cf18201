"""The append on real PostgreSQL: once, in order, whatever comes twice, late, twofold or broken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg2
from sqlalchemy import make_url

from sentra.cloud.identity import new_id
from sentra.protocol.envelope import Parcel
from syncd.service.operations.append import append_envelope
from syncd.service.operations.journals import Carrier
from syncd.service.outbound.journal_store import JournalStore
from syncd.service.outbound.threads import one_ahead
from tests.integration.sync.appending import (
    Ask,
    Prove,
    Send,
    ask,
    journal,
    outcome,
    prove,
    segments_of,
    send,
)
from tests.integration.sync.conftest import TestDevice
from tests.present import NOW_MS
from tests.support.journals import Journal

__all__ = ["ask", "journal", "prove", "send"]


def test_segments_in_any_order_and_interleaving_end_as_one_journal(
    send: Send, journal: Journal, prove: Prove
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
    send: Send, journal: Journal, prove: Prove
) -> None:
    journal.sell(10)
    send(journal.sealed(1, 6))
    assert outcome(send(journal.sealed(4, 10))) == ("appended", 4)
    assert outcome(send(journal.sealed(1, 10))) == ("already", 0)
    assert prove().differences == []


def test_a_chain_that_does_not_fit_changes_nothing(send: Send, journal: Journal, ask: Ask) -> None:
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
    send: Send, journal: Journal, prove: Prove
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
    send: Send, journal: Journal, prove: Prove
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
    prove: Prove,
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
    send: Send, journal: Journal, prove: Prove
) -> None:
    journal.sell(5_000)
    segments = [journal.sealed(first, first + 999) for first in range(1, 5_000, 1_000)]
    assert outcome(send(*segments, ahead=one_ahead)) == ("appended", 5_000)
    report = prove()
    assert report.differences == []
    assert report.journals[0].tally.gross == 5_000 * 4_500


def test_a_commit_that_never_came_leaves_nothing(
    app_database_url: str, send: Send, journal: Journal, terminal: TestDevice, ask: Ask
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


def test_live_sales_sealed_one_by_one_are_as_good_as_one_segment(
    send: Send, journal: Journal, prove: Prove
) -> None:
    journal.sell(30)
    assert outcome(send(*segments_of(journal, [1] * 30))) == ("appended", 30)
    assert prove().differences == []
