"""A router that holds nothing of a journal begins where the cloud has come to, by its own word."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.operations.begin import is_present_word
from router_agent.operations.journals import JournalState
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import backlog, bases, lane, proofs, store
from router_agent.outbound.shelf import VaultShelf
from router_agent.outbound.waiting_sums import WaitingSums
from sentra.proof import Stretch
from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.messages import ProofNote, Watermark, note_of, sign_timeline, sign_watermark
from sentra.protocol.segment import seal
from sentra.vault.database import Vault
from tests.support.journals import START_MS, Journal
from tests.support.tills import CLOUD_KEY, an_identity
from tests.unit.router_agent.test_lane import a_clone_of, held, take, told

PUBLIC = CLOUD_KEY.public_key()
ROUTER = an_identity(9, role="router")


@pytest.fixture
def shelf(vault: Vault) -> VaultShelf:
    return VaultShelf(vault, ROUTER, decided=lambda: None)


@pytest.fixture
def journal() -> Journal:
    """Ten sales, of which the cloud has six."""
    made = Journal()
    made.sell(10)
    return made


def word(journal: Journal, seq: int, at_ms: int = START_MS) -> Watermark:
    return sign_watermark(CLOUD_KEY, "cloud", journal.terminal, head(journal, seq), at_ms)


def head(journal: Journal, seq: int) -> Head:
    return head_of(journal.entries[seq - 1])


def begin(vault: Vault, journal: Journal, seq: int) -> bool:
    with vault.writer() as db:
        return store.begin_behind(db, word(journal, seq))


def state(vault: Vault, journal: Journal) -> JournalState:
    with vault.reader() as db:
        found = store.journal(db, journal.terminal)
    assert found is not None
    return found


def test_it_takes_what_follows_and_waits_for_no_more(
    vault: Vault, shelf: VaultShelf, journal: Journal
) -> None:
    assert begin(vault, journal, 6)
    assert (state(vault, journal).here, state(vault, journal).cloud) == (head(journal, 6),) * 2
    with vault.reader() as db:
        assert backlog.waiting(db).total() == 0
    assert take(vault, journal, journal.sealed(7, 8), journal.sealed(9, 10)).outcome == "appended"
    with vault.reader() as db:
        assert backlog.waiting(db) == {journal.terminal: 4}
        assert bases.base_of(db, journal.terminal) == head(journal, 6)
    assert not begin(vault, journal, 8), "what is here stays"
    told(shelf, journal, "appended", head(journal, 10), head(journal, 10))
    with vault.reader() as db:
        assert backlog.waiting(db).total() == 0


def test_a_word_counts_while_the_cloud_stands_by_it(journal: Journal) -> None:
    own, said = journal.terminal, word(journal, 6, START_MS)

    def counts(mark: Watermark, known: JournalState | None = None, since_ms: int = 0) -> bool:
        since = sign_timeline(CLOUD_KEY, "t", since_ms)
        return is_present_word(mark, own, known, since, PUBLIC)

    def knows(seq: int, at_ms: int) -> JournalState:
        return JournalState(own, EMPTY, head(journal, seq), word(journal, seq, at_ms))

    assert counts(said)
    assert counts(said, knows(8, START_MS + 1)), "the cloud has more by now"
    assert counts(said, knows(4, START_MS - 1)), "this router knew less"
    assert not counts(said, knows(4, START_MS + 1)), "the cloud has taken it back"
    assert not counts(said, since_ms=START_MS + 1), "said on a timeline that is gone"
    forger = Ed25519PrivateKey.generate()
    for lie in (
        sign_watermark(forger, "cloud", own, head(journal, 6), START_MS),
        sign_watermark(CLOUD_KEY, "cloud", "another", head(journal, 6), START_MS),
        sign_watermark(CLOUD_KEY, "archived", own, head(journal, 6), START_MS),
    ):
        assert not counts(lie)


def test_a_cloud_that_lost_what_never_came_here_is_sent_it_again(
    vault: Vault, shelf: VaultShelf, journal: Journal
) -> None:
    begin(vault, journal, 6)
    kept = [journal.sealed(7, 8), journal.sealed(9, 10)]
    take(vault, journal, *kept)
    told(shelf, journal, "appended", head(journal, 8), head(journal, 8))
    shelf.set_cloud_heads([CloudHead(journal.terminal, head(journal, 3), None)])
    assert state(vault, journal).here == head(journal, 3)
    assert held(vault, journal) == ([], kept), "nobody else may have these"
    again = [journal.sealed(4, 6), *kept]
    assert take(vault, journal, *again).head == journal.head
    assert held(vault, journal) == (again, []), "back on the line, they wait once"
    with vault.reader() as db:
        assert backlog.waiting(db).total() == WaitingSums().now(db).entries == 7


def test_a_cloud_that_lost_everything_gets_it_from_the_beginning(
    vault: Vault, shelf: VaultShelf, journal: Journal
) -> None:
    begin(vault, journal, 6)
    shelf.set_cloud_heads([CloudHead(journal.terminal, EMPTY, None)])
    assert state(vault, journal).here == EMPTY
    assert take(vault, journal, journal.sealed(1, 10)).outcome == "appended"


def test_what_lies_before_the_base_is_for_the_cloud_to_tell(vault: Vault, journal: Journal) -> None:
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.sell(5, amount=9_900)
    begin(vault, journal, 6)
    for sealed in (clone.sealed(1, 3), clone.sealed(4, 5)):
        taking = take(vault, journal, sealed)
        assert (taking.outcome, taking.head) == ("already", head(journal, 6))
    take(vault, journal, journal.sealed(7, 10))
    assert take(vault, journal, journal.sealed(5, 6)).outcome == "already", "it ends at the base"
    assert take(vault, journal, journal.sealed(2, 4)).outcome == "already"
    expected = [clone.sealed(1, 3), journal.sealed(2, 4), clone.sealed(4, 5)]
    assert held(vault, journal)[1] == expected


def test_a_segment_that_reaches_across_the_base_brings_the_line_from_its_beginning(
    vault: Vault, journal: Journal
) -> None:
    begin(vault, journal, 6)
    taking = take(vault, journal, journal.sealed(5, 8))
    assert (taking.outcome, taking.head) == ("gap", EMPTY)
    assert take(vault, journal, journal.sealed(1, 4), journal.sealed(5, 8)).outcome == "appended"


def test_an_epoch_that_parted_before_the_base_takes_its_place(
    vault: Vault, journal: Journal
) -> None:
    other = a_clone_of(journal)
    other.entries, other.head = other.entries[:4], Head(2, 0, head(journal, 4).hash)
    other.sell(2)
    begin(vault, journal, 6)
    take(vault, journal, journal.sealed(7, 8))
    epoch = seal(other.entries[4:], other.key)
    assert (take(vault, journal, epoch).outcome, held(vault, journal)) == (
        "gap",
        ([], [journal.sealed(7, 8)]),
    )
    assert take(vault, journal, journal.sealed(1, 4), epoch).head == other.head


def test_what_it_does_not_hold_it_does_not_count(vault: Vault, journal: Journal) -> None:
    begin(vault, journal, 6)
    take(vault, journal, journal.sealed(7, 10))

    def count(base: Head) -> Stretch | None:
        note = ProofNote(
            terminal=journal.terminal,
            by=journal.terminal,
            base=note_of(base),
            head=note_of(journal.head),
            entries=0,
            tenders={},
            at_ms=START_MS,
        )
        with vault.reader() as db:
            return proofs.count(db, note)

    assert count(EMPTY) is None
    assert count(head(journal, 4)) is None
    counted = count(head(journal, 6))
    assert counted is not None
    assert (counted.entries, counted.head) == (4, journal.head)


def test_the_lanes_backlog_is_counted_with_the_lines(vault: Vault, journal: Journal) -> None:
    clone = Journal(2)
    clone.terminal, clone.key = journal.terminal, journal.key
    clone.sell(2, amount=9_900)
    take(vault, journal, journal.sealed(1, 10))
    take(vault, journal, clone.sealed(1, 2))
    with vault.reader() as db:
        assert backlog.waiting(db) == {journal.terminal: 12}
        assert backlog.oldest_by_terminal(db) == {journal.terminal: START_MS}
        assert backlog.oldest_at_ms(db) == START_MS
    with vault.writer() as db:
        lane.confirm(db, [one.digest for one in lane.held(db, journal.terminal)])
    with vault.reader() as db:
        assert backlog.waiting(db) == {journal.terminal: 10}
