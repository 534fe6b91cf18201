"""The router's steps towards the cloud, against a cloud written for the test."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.operations.trunk import (
    SENDING_BYTES_MAX,
    SENDING_BYTES_MIN,
    Credit,
    LaneParcel,
    note_hello,
    send_lane,
    send_next,
)
from sentra.link.errors import LinkDown
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import (
    HelloAnswer,
    JournalOutcome,
    note_of,
    sign_timeline,
    sign_watermark,
)
from tests.support.journals import Journal
from tests.unit.router_agent.trunks import CLOUD_KEY, COMPANY, Cloud, Shelf, a_shelf, heard


def _outcome(
    journal: Journal, outcome: str, head: Head, key: Ed25519PrivateKey = CLOUD_KEY
) -> JournalOutcome:
    return JournalOutcome(
        terminal=journal.terminal,
        outcome=outcome,
        here=note_of(head),
        appended=4,
        cloud=sign_watermark(key, "cloud", journal.terminal, head, 1),
    )


def test_the_cloud_head_moves_only_on_the_clouds_answer() -> None:
    journal = Journal()
    shelf = a_shelf(journal)
    cloud, credit = Cloud([_outcome(journal, "appended", journal.head)]), Credit()
    sent = send_next(cloud, shelf, credit, CLOUD_KEY.public_key())
    assert sent is not None
    assert sent.moved
    assert shelf.cloud[journal.terminal] == journal.head
    assert shelf.marks[journal.terminal].head.seq == 4
    assert (credit.granted_bytes, credit.size_bytes, credit.pause_ms) == (1234, 1234, 5)
    assert send_next(cloud, shelf, credit, CLOUD_KEY.public_key()) is None


def test_a_watermark_that_the_cloud_did_not_sign_is_not_passed_on() -> None:
    journal, forger = Journal(), Ed25519PrivateKey.generate()
    shelf = a_shelf(journal)
    cloud = Cloud([_outcome(journal, "appended", journal.head, forger)])
    send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert shelf.marks == {}


def test_after_a_gap_everything_behind_the_clouds_head_is_sent_again() -> None:
    journal = Journal()
    shelf = a_shelf(journal)
    shelf.cloud[journal.terminal] = Head(1, 2, journal.entries[1].hash)
    cloud = Cloud([_outcome(journal, "gap", EMPTY)])
    send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert len(cloud.sent[0]) == 1
    send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert len(cloud.sent[1]) == 2


def test_a_refused_journal_stays_where_it_was_and_can_rest() -> None:
    journal = Journal()
    shelf = a_shelf(journal)
    cloud = Cloud([_outcome(journal, "refused", EMPTY)])
    sent = send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert sent is not None
    assert not sent.moved
    assert shelf.cloud == {}
    resting = frozenset({journal.terminal})
    assert send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key(), resting) is None


def test_a_line_that_does_not_carry_an_envelope_is_asked_for_half_of_it() -> None:
    journal = Journal()
    shelf, credit = a_shelf(journal), Credit(granted_bytes=8 * 1024 * 1024)
    cloud = Cloud([_outcome(journal, "appended", journal.head)], breaks=True)
    assert credit.size_bytes == SENDING_BYTES_MAX
    credit.note_failure(1024 * 1024)
    assert credit.size_bytes == 512 * 1024
    with pytest.raises(LinkDown):
        send_next(cloud, shelf, credit, CLOUD_KEY.public_key())
    assert credit.size_bytes == SENDING_BYTES_MIN
    cloud.breaks = False
    send_next(cloud, shelf, credit, CLOUD_KEY.public_key())
    assert SENDING_BYTES_MIN < credit.carried_bytes < SENDING_BYTES_MAX


def test_a_journal_that_the_cloud_does_not_name_is_sent_from_its_beginning() -> None:
    journal = Journal()
    shelf = a_shelf(journal)
    shelf.cloud[journal.terminal] = journal.head
    heard(shelf, here={})
    assert shelf.cloud[journal.terminal] == EMPTY


def test_lower_heads_of_a_restored_cloud_are_believed() -> None:
    journal = Journal()
    shelf = a_shelf(journal)
    shelf.cloud[journal.terminal] = journal.head
    lower = Head(1, 2, journal.entries[1].hash)
    heard(shelf, here={journal.terminal: note_of(lower)}, timeline="second")
    assert shelf.cloud[journal.terminal] == lower
    assert shelf.seen_timeline == "second"


def test_the_clouds_words_are_kept_for_the_tills_and_strangers_words_are_not() -> None:
    journal = Journal()
    shelf = a_shelf(journal)
    stranger = Ed25519PrivateKey.generate()
    true = sign_watermark(CLOUD_KEY, "archived", journal.terminal, journal.head, 5)
    since = sign_timeline(CLOUD_KEY, journal.terminal, 7)
    said = HelloAnswer(
        protocol=1,
        software="test",
        clock_ms=0,
        timeline="first",
        here={},
        cloud={},
        feed={},
        segment_bytes_max=1,
        envelope_bytes_max=1,
        archived={
            journal.terminal: true,
            "another": sign_watermark(stranger, "archived", "another", journal.head, 5),
            "third": sign_watermark(CLOUD_KEY, "cloud", "third", journal.head, 5),
        },
        since=since,
    )
    note_hello(said, shelf, CLOUD_KEY.public_key(), (COMPANY,))
    assert shelf.words == [true, since]


def test_the_fork_lane_is_sent_and_confirmed_only_by_the_clouds_answer() -> None:
    journal = Journal()
    journal.sell(1)
    lane = [LaneParcel(b"digest", Parcel(journal.sealed(1, 1)))]
    shelf = Shelf({}, lane=lane)
    refused = Cloud([_outcome(journal, "refused", EMPTY)])
    sent = send_lane(refused, shelf, Credit())
    assert sent is not None
    assert not sent.moved
    assert shelf.confirmed == set()
    assert send_lane(Cloud([_outcome(journal, "fork", EMPTY)]), shelf, Credit()) is not None
    assert shelf.confirmed == {b"digest"}
    assert send_lane(refused, shelf, Credit()) is None
