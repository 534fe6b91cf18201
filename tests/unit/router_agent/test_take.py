"""What a router does with parcels: take what follows, skip what it has, ask for what is missing."""

from __future__ import annotations

from router_agent.operations.take import Taking, take_parcels
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from tests.support.journals import Journal


def _take(journal: Journal, *sealed: bytes, head: Head = EMPTY) -> Taking:
    takings, unreadable = take_parcels(
        [Parcel(one) for one in sealed],
        lambda terminal: journal.key.public_key() if terminal == journal.terminal else None,
        lambda _: head,
    )
    assert unreadable == 0
    return takings[0]


def test_segments_that_follow_each_other_are_kept_byte_for_byte() -> None:
    journal = Journal()
    journal.sell(5)
    first, second = journal.sealed(1, 3), journal.sealed(4, 5)
    taking = _take(journal, first, second)
    assert taking.outcome == "appended"
    assert [held.sealed for held in taking.held] == [first, second]
    assert taking.head == journal.head
    assert taking.entry_count == 5


def test_a_segment_that_is_here_already_adds_nothing() -> None:
    journal = Journal()
    journal.sell(3)
    taking = _take(journal, journal.sealed(1, 3), head=journal.head)
    assert (taking.outcome, taking.held, taking.head) == ("already", [], journal.head)


def test_a_retry_with_more_behind_it_appends_only_the_rest() -> None:
    journal = Journal()
    journal.sell(2)
    middle = journal.head
    journal.sell(2)
    taking = _take(journal, journal.sealed(1, 2), journal.sealed(3, 4), head=middle)
    assert taking.outcome == "appended"
    assert [held.header.first_seq for held in taking.held] == [3]


def test_a_hole_is_answered_with_a_gap_and_nothing_behind_it_is_taken() -> None:
    journal = Journal()
    journal.sell(4)
    taking = _take(journal, journal.sealed(3, 4))
    assert (taking.outcome, taking.head, taking.held) == ("gap", EMPTY, [])


def test_another_history_at_the_head_is_a_fork() -> None:
    mine, clone = Journal(), Journal()
    mine.sell(2)
    clone.sell(2, amount=9_999)
    taking = _take(mine, clone.sealed(1, 2), head=mine.head)
    assert (taking.outcome, taking.held) == ("fork", [])


def test_a_flipped_bit_is_refused_and_changes_nothing() -> None:
    journal = Journal()
    journal.sell(2)
    sealed = bytearray(journal.sealed(1, 2))
    sealed[len(sealed) // 2] ^= 1
    taking = _take(journal, bytes(sealed))
    assert taking.outcome == "refused"
    assert taking.problem in {"segment-damaged", "chain-broken", "signature-wrong"}
    assert (taking.head, taking.held) == (EMPTY, [])


def test_what_was_good_before_a_damaged_segment_is_kept() -> None:
    journal = Journal()
    journal.sell(4)
    damaged = bytearray(journal.sealed(3, 4))
    damaged[-1] ^= 1
    taking = _take(journal, journal.sealed(1, 2), bytes(damaged))
    assert (taking.outcome, taking.problem) == ("refused", "signature-wrong")
    assert [held.header.last_seq for held in taking.held] == [2]
    assert taking.head.seq == 2


def test_entries_signed_by_another_terminal_are_refused() -> None:
    journal, other = Journal(1), Journal(2)
    other.terminal = journal.terminal
    other.sell(1)
    taking = _take(journal, other.sealed(1, 1))
    assert (taking.outcome, taking.problem) == ("refused", "signature-wrong")


def test_a_terminal_of_another_branch_is_refused() -> None:
    journal, stranger = Journal(1), Journal(2)
    stranger.sell(1)
    taking = _take(journal, stranger.sealed(1, 1))
    assert (taking.outcome, taking.problem) == ("refused", "device-unknown")


def test_one_damaged_journal_does_not_hold_up_another() -> None:
    good, bad = Journal(1), Journal(2)
    good.sell(1)
    bad.sell(1)
    broken = bytearray(bad.sealed(1, 1))
    broken[-1] ^= 1
    keys = {journal.terminal: journal.key.public_key() for journal in (good, bad)}
    takings, _ = take_parcels(
        [Parcel(bytes(broken)), Parcel(good.sealed(1, 1))], keys.get, lambda _: EMPTY
    )
    outcomes = {taking.terminal: taking.outcome for taking in takings}
    assert outcomes == {good.terminal: "appended", bad.terminal: "refused"}


def test_a_cut_off_segment_is_counted_and_the_rest_is_taken() -> None:
    journal = Journal()
    journal.sell(1)
    sealed = journal.sealed(1, 1)
    takings, unreadable = take_parcels(
        [Parcel(sealed[:40]), Parcel(sealed)],
        lambda _: journal.key.public_key(),
        lambda _: EMPTY,
    )
    assert unreadable == 1
    assert takings[0].outcome == "appended"


def test_another_history_in_several_segments_is_set_aside_wholly() -> None:
    mine, clone = Journal(), Journal()
    mine.sell(2)
    clone.sell(5, amount=9_999)
    held = {(1, entry.seq): entry.hash for entry in mine.entries}
    takings, _ = take_parcels(
        [Parcel(clone.sealed(first, last)) for first, last in ((1, 3), (4, 4), (5, 5))],
        lambda _: mine.key.public_key(),
        lambda _: mine.head,
        lambda _, epoch, seq: held.get((epoch, seq)),
    )
    assert takings[0].outcome == "fork"
    assert [one.header.first_seq for one in takings[0].forks] == [1, 4, 5]


def test_another_history_below_the_head_is_a_fork_too_and_not_taken_for_had() -> None:
    mine, clone = Journal(), Journal()
    mine.sell(5)
    clone.sell(3, amount=9_999)
    held = {(1, entry.seq): entry.hash for entry in mine.entries}
    takings, _ = take_parcels(
        [Parcel(clone.sealed(1, 3))],
        lambda _: mine.key.public_key(),
        lambda _: mine.head,
        lambda _, epoch, seq: held.get((epoch, seq)),
    )
    assert takings[0].outcome == "fork"
    again, _ = take_parcels(
        [Parcel(mine.sealed(1, 3))],
        lambda _: mine.key.public_key(),
        lambda _: mine.head,
        lambda _, epoch, seq: held.get((epoch, seq)),
    )
    assert again[0].outcome == "already"
