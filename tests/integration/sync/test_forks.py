"""Two lines of one journal: both are kept, each fact counts once, a person is told."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from sentra.cloud import reproject
from sentra.protocol.bodies import encode_fact
from sentra.protocol.entry import Head, head_of, make_entry
from sentra.protocol.segment import seal
from tests.integration.sync.appending import (
    LATER,
    Ask,
    Prove,
    Send,
    a_clone_of,
    ask,
    journal,
    outcome,
    prove,
    send,
    upgraded,
    write_raw,
)
from tests.present import NOW_MS
from tests.support.journals import DAY, Journal, a_sale

__all__ = ["ask", "journal", "prove", "send"]


def test_a_new_epoch_follows_the_last_entry_of_the_one_before(
    send: Send, journal: Journal, prove: Prove
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


def test_epochs_may_leave_numbers_out(send: Send, journal: Journal, prove: Prove, ask: Ask) -> None:
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


def test_two_machines_with_one_identity_lose_no_sale(
    send: Send, journal: Journal, ask: Ask, prove: Prove
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
    send: Send, journal: Journal, ask: Ask, prove: Prove
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
    send: Send, journal: Journal, ask: Ask, prove: Prove
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
    send: Send, journal: Journal, ask: Ask, prove: Prove
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
    send: Send, journal: Journal, ask: Ask, prove: Prove
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


def test_of_two_lines_beside_the_journal_each_entry_is_its_own(
    send: Send,
    journal: Journal,
    ask: Ask,
    prove: Prove,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal.sell(5)
    clones = [a_clone_of(journal) for _ in range(3)]
    journal.sell(1)
    send(journal.sealed(1, 6))
    write_raw(clones[0], *LATER, encode_fact(a_sale(20))[2])
    write_raw(clones[1], *LATER, encode_fact(a_sale(21))[2])
    clones[2].sell(1, amount=9_900)
    for clone in clones:
        assert outcome(send(clone.sealed(6, 6))) == ("fork", 0)
    later = "SELECT epoch, seq FROM exception WHERE kind = 'fact-unknown'"
    assert ask(later) == [(-1, 6), (-1, 6)], "three machines wrote another entry at one place"
    assert ask("SELECT sum(total) FROM sale") == [(6 * 4_500 + 9_900,)]
    report = prove()
    assert (report.differences, report.set_aside) == ([], 2)
    upgraded(monkeypatch)
    assert reproject.retry_what_is_known_now(engine, NOW_MS) == 2
    assert ask("SELECT sum(total) FROM sale") == [(8 * 4_500 + 9_900,)]
    assert prove().differences == []
