"""The daemon's steps against stores that fail in every way the protocol names."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.link.errors import LinkDown
from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.messages import Watermark, sign_watermark
from sentra.protocol.segment import read_header
from syncd.daemon.operations import greet
from syncd.daemon.operations.greet import hello_of, note_hello, note_mark
from syncd.daemon.operations.ports import CLOUD, ROUTER, Talk
from syncd.daemon.operations.send import REFUSED
from tests.fakes.memory_shelf import MemoryShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS
from tests.support.tills import BRANCH, CLOUD_KEY, an_identity
from tests.unit.syncd_daemon.talking import (
    CLOUD_PUBLIC,
    IDENTITY,
    ME,
    TERMINAL,
    Line,
    a_line,
    append,
    revisions,
)


def test_what_is_sold_reaches_the_router_and_its_watermark_says_so() -> None:
    line = a_line()
    entries = append(line.shelf, 5)
    line.greet()
    assert line.drain() == 1
    assert line.store.journals[TERMINAL] == entries
    assert line.shelf.watermark("router") == head_of(entries[-1])
    assert line.shelf.watermark("cloud") == EMPTY


def test_what_is_sold_reaches_the_cloud_and_its_signed_word_moves_the_watermark() -> None:
    line = a_line(CLOUD)
    entries = append(line.shelf, 5)
    line.greet()
    line.drain()
    assert line.shelf.watermark("cloud") == head_of(entries[-1])
    assert line.shelf.watermark("router") == EMPTY


def test_with_nothing_to_send_nothing_is_sent() -> None:
    line = a_line()
    line.greet()
    assert line.send() is None
    append(line.shelf, 1)
    line.drain()
    assert line.send() is None
    assert len(line.store.sent) == 1


def test_what_waited_is_sealed_together_and_what_is_live_alone() -> None:
    line = a_line()
    append(line.shelf, 40)
    line.greet()
    line.drain()
    append(line.shelf, 1)
    line.drain()
    counts = [[read_header(sealed).count for sealed in sealed] for sealed in line.store.sent]
    assert counts == [[40], [1]]


def test_no_more_is_sent_than_there_is_credit_for() -> None:
    line = a_line()
    line.store.credit_bytes = 1
    line.greet()
    for _ in range(4):
        append(line.shelf, 1)
        line.shelf.seal_pending()
    line.talk.credit_bytes = 1
    line.drain()
    assert [len(parcels) for parcels in line.store.sent] == [1, 1, 1, 1]


def test_a_pause_that_the_store_asks_for_is_handed_on() -> None:
    line = a_line()
    line.store.pause_ms = 250
    line.greet()
    append(line.shelf, 1)
    line.send()
    assert line.talk.pause_ms == 250


def test_a_line_that_breaks_moves_nothing_and_the_same_bytes_go_again() -> None:
    line = a_line()
    append(line.shelf, 3)
    line.greet()
    line.store.down = True
    with pytest.raises(LinkDown):
        line.send()
    assert line.shelf.watermark("router") == EMPTY
    sealed = line.shelf.parcels_after(EMPTY, 1 << 20, 10)
    line.store.down = False
    line.drain()
    assert line.store.sent == [sealed]


def test_an_answer_that_was_lost_costs_nothing_the_store_has_it_already() -> None:
    line = a_line()
    entries = append(line.shelf, 3)
    line.greet()
    line.shelf.seal_pending()
    lost = Line(line.shelf, line.store, Talk(ROUTER))
    lost.send()
    line.drain()
    assert line.store.journals[TERMINAL] == entries
    assert line.shelf.watermark("router") == head_of(entries[-1])


def test_after_a_gap_it_sends_from_where_the_store_is() -> None:
    line = a_line()
    for _ in range(3):
        append(line.shelf, 2)
        line.shelf.seal_pending()
    line.talk.head = head_of(line.shelf.entries[3])
    line.shelf.set_watermark("router", line.talk.head, 1, None)
    sent = line.send()
    assert sent is not None
    assert (sent.outcome, sent.moved) == ("gap", True)
    assert line.shelf.watermark("router") == EMPTY
    line.drain()
    assert line.store.journals[TERMINAL] == line.shelf.entries


def test_a_store_that_asks_for_the_same_again_and_again_is_left_until_the_next_hello() -> None:
    line = a_line()
    append(line.shelf, 2)
    line.greet()

    class Deaf(MemoryStore):
        def _take(self, sealed: bytes):  # type: ignore[no-untyped-def] # as its parent
            return self._outcome(TERMINAL, "gap")

    line.store = Deaf(line.store.keys)
    sent = line.send()
    assert sent is not None
    assert not sent.moved
    assert line.send() is None
    line.greet()
    assert line.talk.notice is None


def test_a_router_whose_disk_died_gets_everything_again() -> None:
    line = a_line()
    append(line.shelf, 4)
    line.greet()
    line.drain()
    line.store.journals.clear()
    line.greet()
    assert line.shelf.watermark("router") == EMPTY
    line.drain()
    assert line.store.journals[TERMINAL] == line.shelf.entries


def test_a_cloud_restored_to_an_earlier_time_gets_back_what_it_lost() -> None:
    line = a_line(CLOUD)
    append(line.shelf, 6)
    line.greet()
    line.drain()
    line.shelf.set_watermark("archived", line.shelf.head(), 1, "aa")
    del line.store.journals[TERMINAL][2:]
    line.store.timeline = "restored"
    line.greet()
    second = head_of(line.shelf.entries[1])
    assert line.shelf.watermark("cloud") == second
    assert line.shelf.watermark("archived") == second
    assert line.shelf.timeline() == "restored"
    line.drain()
    assert line.store.journals[TERMINAL] == line.shelf.entries
    assert line.shelf.watermark("cloud") == line.shelf.head()


def test_a_cloud_that_lost_everything_gets_everything() -> None:
    line = a_line(CLOUD)
    append(line.shelf, 3)
    line.greet()
    line.drain()
    line.store.journals.clear()
    line.greet()
    assert line.shelf.watermark("cloud") == EMPTY
    line.drain()
    assert line.shelf.watermark("cloud") == line.shelf.head()


def test_the_backlog_of_the_cloud_drains_after_the_router_took_a_part() -> None:
    shelf = MemoryShelf(TERMINAL, ("company", BRANCH), IDENTITY.private_key)
    router, cloud = a_line(ROUTER, shelf), a_line(CLOUD, shelf)
    append(shelf, 3)
    router.greet()
    router.drain()
    append(shelf, 2)
    cloud.greet()
    cloud.drain()
    assert cloud.store.journals[TERMINAL] == shelf.entries
    assert shelf.watermark("router") == head_of(shelf.entries[2])


def test_an_older_copy_of_the_vault_is_noticed_and_sends_nothing() -> None:
    line = a_line()
    append(line.shelf, 5)
    line.greet()
    line.drain()
    del line.shelf.entries[3:]
    line.greet()
    assert line.talk.notice == greet.JOURNAL_BEHIND
    append(line.shelf, 1, b'{"other":1}')
    assert line.send() is None
    assert len(line.store.journals[TERMINAL]) == 5


def test_two_machines_with_one_identity_are_noticed() -> None:
    line = a_line()
    twin = MemoryShelf(TERMINAL, ("company", BRANCH), IDENTITY.private_key)
    append(twin, 2, b'{"twin":1}')
    other = Line(twin, line.store, Talk(ROUTER))
    other.greet()
    other.drain()
    append(line.shelf, 3)
    line.greet()
    assert line.talk.notice == greet.FORK
    assert line.send() is None
    assert len(line.shelf.entries) == 3


def test_a_fork_found_while_sending_is_noticed() -> None:
    line = a_line()
    line.greet()
    twin = MemoryShelf(TERMINAL, ("company", BRANCH), IDENTITY.private_key)
    append(twin, 2, b'{"twin":1}')
    other = Line(twin, line.store, Talk(ROUTER))
    other.drain()
    append(line.shelf, 3)
    line.send()
    assert line.talk.notice == greet.FORK


def test_bytes_that_the_store_refuses_are_noticed_and_not_sent_for_ever() -> None:
    line = a_line()
    line.store.keys[TERMINAL] = Ed25519PrivateKey.generate().public_key()
    line.greet()
    append(line.shelf, 1)
    line.store.journals[TERMINAL] = []

    class Refusing(MemoryStore):
        def _take(self, sealed: bytes):  # type: ignore[no-untyped-def] # as its parent
            return self._outcome(TERMINAL, "refused", problem="signature-wrong")

    line.store = Refusing(line.store.keys)
    line.send()
    assert line.talk.notice == REFUSED
    assert line.send() is None


def test_a_store_of_another_time_is_told_apart() -> None:
    line = a_line()
    answer = line.store.hello(hello_of(line.shelf, ME, START_MS))
    other = msgspec.structs.replace(answer, protocol=9)
    note_hello(line.talk, other, line.shelf, CLOUD_PUBLIC, START_MS)
    assert line.talk.notice == greet.TOO_OLD


def test_a_revoked_till_sends_on_and_asks_for_no_decisions() -> None:
    line = a_line()
    line.store.revisions["company"] = revisions(1)
    entries = append(line.shelf, 2)
    answer = line.store.hello(hello_of(line.shelf, ME, START_MS))
    told = msgspec.structs.replace(answer, notices=("device-revoked",))
    note_hello(line.talk, told, line.shelf, CLOUD_PUBLIC, START_MS)
    assert (line.talk.notice, line.talk.advice) == (None, greet.REVOKED)
    assert not line.talk.due
    line.drain()
    assert line.store.journals[TERMINAL] == entries


# --- The cloud's word through a router ----------------------------------------------------------


def a_mark(head: Head, at_ms: int = 5, key: Ed25519PrivateKey = CLOUD_KEY) -> Watermark:
    return sign_watermark(key, "cloud", TERMINAL, head, at_ms)


def test_a_router_can_pass_on_the_clouds_word_but_not_make_it() -> None:
    line = a_line()
    heads = [head_of(entry) for entry in append(line.shelf, 3)]
    forged = a_mark(heads[2], key=Ed25519PrivateKey.generate())
    assert not note_mark(forged, line.shelf, CLOUD_PUBLIC)
    line.store.marks[TERMINAL] = a_mark(heads[1])
    line.greet()
    assert line.shelf.watermark("cloud") == heads[1]


def test_the_clouds_word_about_another_journal_or_entry_changes_nothing() -> None:
    line = a_line()
    head = head_of(append(line.shelf, 1)[0])
    elsewhere = sign_watermark(CLOUD_KEY, "cloud", an_identity(2).device_id, head, 5)
    unknown = a_mark(Head(1, 1, b"\x09" * 32))
    invented = sign_watermark(CLOUD_KEY, "router", TERMINAL, head, 5)
    for mark in (None, elsewhere, unknown, invented):
        assert not note_mark(mark, line.shelf, CLOUD_PUBLIC)
    assert line.shelf.watermark("cloud") == EMPTY


def test_an_old_word_of_the_cloud_shown_again_changes_nothing() -> None:
    line = a_line()
    heads = [head_of(entry) for entry in append(line.shelf, 3)]
    note_mark(a_mark(heads[2], 9), line.shelf, CLOUD_PUBLIC)
    note_mark(a_mark(heads[0], 5), line.shelf, CLOUD_PUBLIC)
    assert line.shelf.watermark("cloud") == heads[2]


def test_a_lower_word_that_is_newer_tells_of_a_restored_cloud() -> None:
    line = a_line()
    heads = [head_of(entry) for entry in append(line.shelf, 3)]
    note_mark(a_mark(heads[2], 5), line.shelf, CLOUD_PUBLIC)
    note_mark(a_mark(heads[0], 9), line.shelf, CLOUD_PUBLIC)
    assert line.shelf.watermark("cloud") == heads[0]
