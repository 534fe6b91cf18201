"""A till that forgot its oldest entries: what it says of it, and to whom it sends on."""

from __future__ import annotations

import pytest

from sentra.protocol.entry import EMPTY, head_of
from sentra.protocol.messages import Base, note_of, sign_watermark
from syncd.daemon.operations.greet import hello_of
from syncd.daemon.operations.ports import CLOUD, ROUTER, Talk
from syncd.daemon.operations.send import FORGOTTEN, send_next
from tests.fakes.memory_shelf import MemoryShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS
from tests.support.tills import CLOUD_KEY
from tests.unit.syncd_daemon.talking import IDENTITY, ME, TERMINAL, append

PUBLIC = CLOUD_KEY.public_key()


def a_shelf() -> MemoryShelf:
    """Six entries, of which the first four were dropped."""
    shelf = MemoryShelf(TERMINAL, ("company",), IDENTITY.private_key)
    entries = append(shelf, 6)
    shelf.seal_pending()
    mark = sign_watermark(CLOUD_KEY, "archived", TERMINAL, head_of(entries[4]), START_MS)
    shelf.begins = Base(note_of(head_of(entries[3])), mark)
    return shelf


def test_it_says_where_its_journal_begins_and_by_whose_word() -> None:
    shelf = a_shelf()
    hello = hello_of(shelf, ME, START_MS)
    assert hello.bases == {TERMINAL: shelf.begins}
    assert hello.bases[TERMINAL].is_covered(TERMINAL, PUBLIC)


def test_a_router_that_cannot_begin_there_is_passed_over_and_not_asked_for_ever() -> None:
    store = MemoryStore({TERMINAL: IDENTITY.private_key.public_key()})
    with pytest.raises(ValueError, match="forgotten"):
        send_next(store, a_shelf(), Talk(ROUTER, head=EMPTY), PUBLIC, START_MS)
    assert store.sent == []


def test_a_cloud_that_lacks_what_it_signed_calls_for_a_person() -> None:
    shelf, talk = a_shelf(), Talk(CLOUD, head=EMPTY)
    store = MemoryStore({TERMINAL: IDENTITY.private_key.public_key()}, CLOUD_KEY)
    assert send_next(store, shelf, talk, PUBLIC, START_MS) is None
    assert (talk.notice, store.sent) == (FORGOTTEN, [])


def test_from_its_base_on_it_sends_as_ever() -> None:
    shelf = a_shelf()
    talk = Talk(CLOUD, head=head_of(shelf.entries[3]))
    store = MemoryStore({TERMINAL: IDENTITY.private_key.public_key()}, CLOUD_KEY)
    store.journals[TERMINAL] = shelf.entries[:4]
    sent = send_next(store, shelf, talk, PUBLIC, START_MS)
    assert sent is not None
    assert sent.appended == 2
