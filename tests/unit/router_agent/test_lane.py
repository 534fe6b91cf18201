"""A router that is given two lines of one journal: it keeps both, and forwards both."""

from __future__ import annotations

import functools

import pytest

from router_agent.operations.forward import Pick
from router_agent.operations.take import Taking, take_parcels
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import lane, store
from router_agent.outbound.shelf import VaultShelf
from router_agent.outbound.waiting_sums import WaitingSums
from sentra.protocol.entry import EMPTY, Head, head_of, make_entry
from sentra.protocol.envelope import Parcel
from sentra.protocol.segment import read_header, seal
from sentra.vault.database import Vault
from sentra.vault.identity import write_identity
from tests.support.journals import DAY, START_MS, Journal
from tests.support.tills import an_identity

ROUTER = an_identity(9, role="router")


@pytest.fixture
def vault(vault: Vault) -> Vault:
    """One that knows whose it is."""
    with vault.writer() as db:
        write_identity(db, ROUTER)
    return vault


@pytest.fixture
def shelf(vault: Vault) -> VaultShelf:
    return VaultShelf(vault, ROUTER, decided=lambda: None)


def take(vault: Vault, journal: Journal, *sealed: bytes) -> Taking:
    with vault.writer() as db:
        takings, _ = take_parcels(
            [Parcel(one) for one in sealed],
            lambda _: journal.key.public_key(),
            functools.partial(store.head_of, db),
            functools.partial(store.hash_at, db),
            functools.partial(store.first_of, db),
            functools.partial(lane.tails, db),
        )
        store.keep(db, takings, START_MS)
    return takings[0]


def a_clone_of(journal: Journal) -> Journal:
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.entries, clone.head = list(journal.entries), journal.head
    return clone


def held(vault: Vault, journal: Journal) -> tuple[list[bytes], list[bytes]]:
    """(main line, fork lane), as they would go to the cloud."""
    with vault.reader() as db:
        main = list(store.segments_of(db, journal.terminal))
        aside = lane.waiting(db, ROUTER.device_id, (), 1 << 30)
    return main, [one.parcel.sealed for one in aside]


def waiting(shelf: VaultShelf, journal: Journal) -> list[tuple[int, int, int]]:
    """The places of the segments that would be sent next."""
    parcels = [
        parcel
        for one in shelf.lanes()
        for parcel in shelf.parcels(Pick(journal.terminal, len(one.sizes)))
    ]
    headers = [read_header(parcel.sealed) for parcel in parcels]
    return [(header.epoch, header.first_seq, header.last_seq) for header in headers]


def told(shelf: VaultShelf, journal: Journal, outcome: str, head: Head, last: Head) -> None:
    """The cloud answered an envelope."""
    shelf.set_cloud_heads([CloudHead(journal.terminal, head, None)])
    shelf.note_answers([(journal.terminal, outcome, (last.epoch, last.seq))])


def test_a_second_machines_line_is_kept_byte_for_byte_and_the_first_goes_on(vault: Vault) -> None:
    journal = Journal()
    journal.sell(3)
    clone = a_clone_of(journal)
    journal.sell(2)
    clone.sell(4, amount=9_900)
    take(vault, journal, journal.sealed(1, 3), journal.sealed(4, 5))
    second = [clone.sealed(4, 4), clone.sealed(5, 6), clone.sealed(7, 7)]
    taking = take(vault, journal, *second)
    assert (taking.outcome, taking.head) == ("fork", journal.head)
    assert take(vault, journal, *second).outcome == "fork", "the same again changes nothing"
    assert held(vault, journal) == ([journal.sealed(1, 3), journal.sealed(4, 5)], second)
    with vault.reader() as db:
        assert WaitingSums().now(db).entries == 5 + 4, "the page counts both lines"
    journal.sell(1)
    assert take(vault, journal, journal.sealed(6, 6)).outcome == "appended"


def test_a_segment_that_parts_in_its_middle_is_a_fork(vault: Vault) -> None:
    journal = Journal()
    journal.sell(3)
    clone = a_clone_of(journal)
    journal.sell(2)
    clone.sell(4, amount=9_900)
    take(vault, journal, journal.sealed(1, 5))
    assert take(vault, journal, clone.sealed(1, 4)).outcome == "fork"
    assert take(vault, journal, clone.sealed(5, 7)).outcome == "fork"


def test_a_place_that_the_line_passed_by_is_a_fork_and_not_had(vault: Vault) -> None:
    journal = Journal()
    journal.sell(3)
    lost = a_clone_of(journal)
    lost.sell(2)
    journal.head = Head(2, 0, journal.head.hash)
    journal.sell(1)
    take(vault, journal, journal.sealed(1, 3), seal(journal.entries[3:], journal.key))
    assert take(vault, journal, lost.sealed(4, 5)).outcome == "fork"
    assert held(vault, journal)[1] == [lost.sealed(4, 5)]


def test_a_later_epoch_that_does_not_chain_takes_the_place_of_what_is_here(vault: Vault) -> None:
    journal = Journal()
    journal.sell(3)
    line = a_clone_of(journal)
    journal.sell(2)
    line.sell(3, amount=9_900)
    line.head = Head(2, 0, line.head.hash)
    line.sell(1)
    take(vault, journal, journal.sealed(1, 3), journal.sealed(4, 5))
    epoch = seal(line.entries[6:], line.key)
    taking = take(vault, journal, epoch)
    assert (taking.outcome, taking.head) == ("gap", EMPTY)
    assert held(vault, journal) == ([], [journal.sealed(1, 3), journal.sealed(4, 5)])
    assert take(vault, journal, line.sealed(1, 6), epoch).head == line.head
    assert take(vault, journal, journal.sealed(4, 5)).outcome == "fork", "the old line is no more"


def test_the_same_entries_cut_into_other_segments_come_again_from_the_beginning(
    vault: Vault,
) -> None:
    journal = Journal()
    journal.sell(6)
    take(vault, journal, journal.sealed(1, 4))
    assert take(vault, journal, journal.sealed(3, 6)).outcome == "gap"
    taking = take(vault, journal, journal.sealed(1, 2), journal.sealed(3, 6))
    assert (taking.outcome, taking.head) == ("appended", journal.head)


def test_a_damaged_chain_is_still_refused(vault: Vault) -> None:
    journal = Journal()
    journal.sell(2)
    stranger = Journal()
    stranger.sell(3, amount=1)
    take(vault, journal, journal.sealed(1, 2))
    taking = take(vault, journal, stranger.sealed(3, 3))
    assert (taking.outcome, taking.problem) == ("refused", "chain-broken")
    assert held(vault, journal)[1] == []


def test_only_what_the_cloud_confirmed_of_this_very_line_is_not_sent(
    vault: Vault, shelf: VaultShelf
) -> None:
    """The cloud got another machine's entry at a place that is held here: all of this line goes."""
    journal = Journal()
    journal.sell(2)
    other = a_clone_of(journal)
    take(vault, journal, journal.sealed(1, 2))
    told(shelf, journal, "appended", journal.head, journal.head)
    journal.sell(3)
    other.sell(1, amount=9_900)
    take(vault, journal, journal.sealed(3, 3), journal.sealed(4, 5))
    shelf.set_cloud_heads([CloudHead(journal.terminal, other.head, None)])
    assert waiting(shelf, journal) == [(1, 3, 3), (1, 4, 5)]
    told(shelf, journal, "fork", other.head, journal.head)
    assert waiting(shelf, journal) == []


def test_while_the_cloud_is_beyond_the_line_its_last_segment_asks_whether_it_is_the_same(
    vault: Vault, shelf: VaultShelf
) -> None:
    journal = Journal()
    journal.sell(9)
    take(vault, journal, journal.sealed(1, 2), journal.sealed(3, 4), journal.sealed(5, 5))
    shelf.set_cloud_heads([CloudHead(journal.terminal, journal.head, None)])
    assert waiting(shelf, journal) == [(1, 5, 5)]
    told(shelf, journal, "already", journal.head, head_of(journal.entries[4]))
    assert waiting(shelf, journal) == []
    take(vault, journal, journal.sealed(6, 9))
    assert waiting(shelf, journal) == [], "the line came to the cloud's head, and it is the same"


def test_a_line_that_the_cloud_does_not_have_is_sent_whole_after_it_said_so(
    vault: Vault, shelf: VaultShelf
) -> None:
    journal = Journal()
    journal.sell(2)
    other = a_clone_of(journal)
    journal.sell(3)
    other.sell(9, amount=9_900)
    take(vault, journal, journal.sealed(1, 2), journal.sealed(3, 4), journal.sealed(5, 5))
    shelf.set_cloud_heads([CloudHead(journal.terminal, other.head, None)])
    assert waiting(shelf, journal) == [(1, 5, 5)]
    told(shelf, journal, "fork", other.head, journal.head)
    assert waiting(shelf, journal) == [(1, 1, 2), (1, 3, 4), (1, 5, 5)]
    told(shelf, journal, "fork", other.head, journal.head)
    assert waiting(shelf, journal) == []


def test_a_cloud_that_was_restored_gets_everything_again(vault: Vault, shelf: VaultShelf) -> None:
    journal = Journal()
    journal.sell(2)
    clone = a_clone_of(journal)
    journal.sell(2)
    clone.sell(1, amount=9_900)
    taking = take(vault, journal, journal.sealed(1, 2), journal.sealed(3, 4), clone.sealed(3, 3))
    assert taking.outcome == "gap", "both lines in one envelope: the second is asked for again"
    assert take(vault, journal, clone.sealed(3, 3)).outcome == "fork"
    told(shelf, journal, "appended", journal.head, journal.head)
    with vault.reader() as db:
        digests = [one.digest for one in lane.waiting(db, ROUTER.device_id, (), 1 << 30)]
    shelf.confirm_lane(digests)
    assert held(vault, journal)[1] == []
    shelf.set_cloud_heads([CloudHead(journal.terminal, head_of(journal.entries[1]), None)])
    shelf.set_timeline("another")
    assert waiting(shelf, journal) == [(1, 3, 4)]
    assert held(vault, journal)[1] == [clone.sealed(3, 3)]


def test_entries_recorded_again_are_one_more_line_for_the_router(vault: Vault) -> None:
    journal = Journal()
    journal.sell(2)
    lost = a_clone_of(journal)
    lost.sell(1)
    take(vault, journal, journal.sealed(1, 2), lost.sealed(3, 3))
    head, old = Head(2, 0, journal.head.hash), lost.entries[2]
    again = make_entry(journal.terminal, head, old.kind, old.schema, START_MS, DAY, old.body)
    epoch = seal([again], journal.key)
    assert take(vault, journal, epoch).outcome == "gap"
    assert take(vault, journal, journal.sealed(1, 2), epoch).head == head_of(again)
