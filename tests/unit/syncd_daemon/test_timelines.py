"""A restored cloud goes on in a new timeline: who is believed about it, and what follows."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.entry import EMPTY, Head, head_of, make_entry
from sentra.protocol.feed import COMPANY
from sentra.protocol.messages import HelloAnswer, Watermark, note_of, sign_timeline, sign_watermark
from syncd.daemon.operations.fetch import still_due
from syncd.daemon.operations.greet import note_hello, note_mark
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName, Talk
from tests.fakes.memory_shelf import MemoryShelf
from tests.support.tills import BRANCH, CLOUD_KEY, a_revision, an_identity

FIRST, SECOND = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
IDENTITY = an_identity()
TERMINAL = IDENTITY.device_id


def a_shelf() -> MemoryShelf:
    """One that has read three revisions in the first timeline, which began at 100."""
    shelf = MemoryShelf(TERMINAL, (COMPANY, BRANCH), IDENTITY.private_key)
    shelf.set_timeline(FIRST)
    for revision in range(1, 4):
        shelf.apply(*a_revision(COMPANY, revision, [("category", "c", None)]))
    say(shelf, CLOUD, FIRST, 100, feed=3)
    return shelf


def say(
    shelf: MemoryShelf,
    store: StoreName,
    timeline: str,
    since_ms: int,
    *,
    feed: int,
    key: Ed25519PrivateKey = CLOUD_KEY,
    cloud: Watermark | None = None,
    archived: Watermark | None = None,
    talk: Talk | None = None,
) -> tuple[str, ...]:
    """A hello's answer; the scopes that are due after it."""
    talk = talk or Talk(store)
    answer = HelloAnswer(
        protocol=1,
        software="test",
        clock_ms=0,
        timeline=timeline,
        here={TERMINAL: note_of(EMPTY)},
        cloud={} if cloud is None else {TERMINAL: cloud},
        feed={COMPANY: feed},
        segment_bytes_max=1,
        envelope_bytes_max=1,
        archived={} if archived is None else {TERMINAL: archived},
        since=sign_timeline(key, timeline, since_ms),
    )
    note_hello(talk, answer, shelf, CLOUD_KEY.public_key(), 1_000)
    return talk.due


def test_in_a_new_timeline_a_feed_that_has_come_further_again_is_read_from_its_start() -> None:
    shelf = a_shelf()
    assert say(shelf, CLOUD, SECOND, 200, feed=5) == (COMPANY,)
    assert shelf.feed_cursor(COMPANY) == 0
    assert shelf.timeline() == SECOND


def test_a_router_tells_of_the_new_timeline_by_the_clouds_signature() -> None:
    shelf = a_shelf()
    assert say(shelf, ROUTER, SECOND, 200, feed=2) == (COMPANY,)
    assert (shelf.timeline(), shelf.feed_cursor(COMPANY)) == (SECOND, 0)


def test_of_a_router_that_has_not_heard_of_it_no_decision_is_taken() -> None:
    shelf = a_shelf()
    say(shelf, CLOUD, SECOND, 200, feed=5)
    assert say(shelf, ROUTER, FIRST, 100, feed=9) == ()
    assert shelf.timeline() == SECOND


def test_a_timeline_that_the_cloud_did_not_sign_changes_nothing() -> None:
    shelf = a_shelf()
    stranger = Ed25519PrivateKey.generate()
    assert say(shelf, ROUTER, SECOND, 200, feed=5, key=stranger) == ()
    assert say(shelf, ROUTER, FIRST, 10**15, feed=3, key=stranger) == ()
    assert shelf.timeline() == FIRST
    say(shelf, CLOUD, SECOND, 200, feed=5)
    assert shelf.timeline() == SECOND


def test_an_answer_of_an_older_version_is_understood_and_the_cloud_itself_believed() -> None:
    shelf = a_shelf()
    old = msgspec.json.decode(
        b'{"protocol":1,"software":"0.1","clock_ms":0,"timeline":"' + SECOND.encode() + b'",'
        b'"here":{},"cloud":{},"feed":{"company":4},"segment_bytes_max":1,"envelope_bytes_max":1}',
        type=HelloAnswer,
    )
    talk = Talk(CLOUD)
    note_hello(talk, old, shelf, CLOUD_KEY.public_key(), 1_000)
    assert (shelf.timeline(), talk.due) == (SECOND, (COMPANY,))


def test_what_is_archived_is_told_and_lowered_by_a_later_word_only() -> None:
    shelf = a_shelf()
    entry = make_entry(TERMINAL, EMPTY, "a.fact", 1, 1, "2026-11-22", b"{}")
    shelf.entries.append(entry)

    def tell(head: Head, at_ms: int) -> Head:
        mark = sign_watermark(CLOUD_KEY, "archived", TERMINAL, head, at_ms)
        say(shelf, ROUTER, FIRST, 100, feed=3, archived=mark)
        return shelf.watermark("archived")

    assert tell(head_of(entry), 99) == EMPTY, "signed before this timeline began"
    assert tell(head_of(entry), 150) == head_of(entry)
    assert tell(EMPTY, 140) == head_of(entry)
    assert tell(EMPTY, 160) == EMPTY


def test_what_the_cloud_signed_before_it_was_restored_is_believed_no_more() -> None:
    shelf = a_shelf()
    entry = make_entry(TERMINAL, EMPTY, "k", 1, 0, "2026-11-22", b"{}")
    shelf.entries.append(entry)
    say(shelf, CLOUD, SECOND, 200, feed=0)
    before = sign_watermark(CLOUD_KEY, "cloud", TERMINAL, head_of(entry), 150)
    assert not note_mark(before, shelf, CLOUD_KEY.public_key())
    assert shelf.watermark("cloud") == EMPTY
    since = sign_watermark(CLOUD_KEY, "cloud", TERMINAL, head_of(entry), 200)
    assert note_mark(since, shelf, CLOUD_KEY.public_key())


def test_what_the_cloud_had_is_unknown_when_a_router_tells_of_a_later_timeline() -> None:
    shelf = a_shelf()
    entry = make_entry(TERMINAL, EMPTY, "k", 1, 0, "2026-11-22", b"{}")
    shelf.entries.append(entry)
    names = ("cloud", "archived")

    def tell(name: str, at_ms: int) -> Watermark:
        return sign_watermark(CLOUD_KEY, name, TERMINAL, head_of(entry), at_ms)

    for name in names:
        assert note_mark(tell(name, 150), shelf, CLOUD_KEY.public_key())
    say(shelf, ROUTER, SECOND, 200, feed=2, cloud=tell("cloud", 150))
    assert [shelf.watermark(name) for name in names] == [EMPTY, EMPTY]
    say(shelf, ROUTER, SECOND, 200, feed=2, cloud=tell("cloud", 250))
    assert [shelf.watermark(name) for name in names] == [head_of(entry), EMPTY]


def test_what_a_router_had_before_the_cloud_told_of_a_later_timeline_is_not_fetched() -> None:
    shelf, router = a_shelf(), Talk(ROUTER)
    say(shelf, ROUTER, FIRST, 100, feed=9, talk=router)
    assert still_due(router, shelf) == (COMPANY,)
    say(shelf, CLOUD, SECOND, 200, feed=2)
    assert still_due(router, shelf) == ()
    say(shelf, ROUTER, SECOND, 200, feed=2, talk=router)
    assert still_due(router, shelf) == (COMPANY,)
