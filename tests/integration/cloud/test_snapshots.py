"""The cloud's snapshots: of the state as it is, kept while needed; revisions go only under one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, delete, text

from sentra.cloud import feed, snapshots
from sentra.cloud.company import CompanyFacts
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.snapshots import Retention
from sentra.cloud.tables import feed_revision, feed_snapshot
from sentra.protocol.feed import FeedItem
from sentra.protocol.snapshot import (
    CursorBeyond,
    SnapshotNeeded,
    SnapshotNote,
    check_digest,
    read_note,
    unpack_items,
    write_note,
)
from tests.present import NOW_MS

SCOPE = "company"
DAY_MS = 86_400_000
PAGE_BYTES = 1024 * 1024
NONE_KEPT = Retention(revisions=0, days=0)


class Desk:
    """Publishes and reads as the programs' role does."""

    def __init__(self, engine: Engine, keys: CompanyKeys) -> None:
        self.engine, self.keys = engine, keys
        with engine.connect() as connection:
            self.start = feed.heads(connection, (SCOPE,))[SCOPE]

    def publish(self, *items: FeedItem, at_ms: int = NOW_MS) -> int:
        with self.engine.begin() as connection:
            key = self.keys.signing_key
            return feed.publish(connection, SCOPE, items, now_ms=at_ms, signing_key=key)

    def make(self) -> SnapshotNote | None:
        with self.engine.begin() as connection:
            key = self.keys.signing_key
            return snapshots.make(connection, SCOPE, now_ms=NOW_MS, signing_key=key)

    def page(self, after: int, *, takes_snapshots: bool = True) -> Sequence[int]:
        with self.engine.connect() as connection:
            page = snapshots.page_after(
                connection, SCOPE, after, PAGE_BYTES, takes_snapshots=takes_snapshots
            )
            return [one.revision for one in page.revisions]

    def drop(self, retention: Retention = NONE_KEPT) -> int:
        with self.engine.begin() as connection:
            return snapshots.drop_covered(connection, SCOPE, retention, NOW_MS + 1)


@pytest.fixture
def desk(app_engine: Engine, company: CompanyFacts, company_keys: CompanyKeys) -> Desk:
    return Desk(app_engine, company_keys)


def item(key: str, body: bytes | None = b"{}") -> FeedItem:
    return FeedItem("product", key, body)


def test_it_is_the_state_that_all_revisions_give_signed_and_in_parts(desk: Desk) -> None:
    desk.publish(item("b"), item("a", b'{"price":1}'))
    head = desk.publish(item("b", None), item("ä", b'{"price":2}'))
    note = desk.make()
    assert note is not None
    assert note.revision == head
    assert read_note(write_note(note), SCOPE, desk.keys.signing_key.public_key()) == note
    with desk.engine.connect() as connection:
        parts = [
            snapshots.read_part(connection, note, start, 10) for start in range(0, note.size, 10)
        ]
        state = feed.state(connection, SCOPE)
        assert snapshots.find(connection, SCOPE, note.sha256) == note
        assert snapshots.read_part(connection, note, note.size, 10) == b""
    check_digest(note, parts)
    found = [one for block in unpack_items(SCOPE, parts) for one in block]
    assert sorted(found, key=repr) == sorted(state, key=repr)
    assert desk.make() == note, "the same head needs no other"


def test_two_are_kept_so_that_a_download_can_end(desk: Desk) -> None:
    made = []
    for n in range(3):
        desk.publish(item(f"p{n}"))
        made.append(desk.make())
    with desk.engine.connect() as connection:
        kept = connection.execute(text("SELECT revision FROM feed_snapshot")).scalars()
        assert sorted(kept) == [one.revision for one in made if one is not None][-2:]
        assert snapshots.newest(connection, SCOPE) == made[-1]


def test_revisions_go_only_as_far_as_a_snapshot_covers_them(desk: Desk) -> None:
    desk.publish(item("a"))
    assert desk.drop() == 0, "there is none"
    covered = desk.publish(item("b"))
    desk.make()
    head = desk.publish(item("c"))
    assert desk.drop() == covered
    assert desk.page(covered) == [head]
    with pytest.raises(SnapshotNeeded):
        desk.page(covered - 1)
    assert desk.drop() == 0


def test_young_ones_and_the_newest_stay(desk: Desk) -> None:
    old = desk.publish(item("a"), at_ms=NOW_MS - 20 * DAY_MS)
    young = desk.publish(item("b"), at_ms=NOW_MS - 2 * DAY_MS)
    desk.publish(item("late", b"1"), at_ms=NOW_MS - 20 * DAY_MS)
    desk.make()
    assert desk.drop(Retention(revisions=1_000, days=0)) == 0
    # What was there before the test was published at NOW_MS: no hole may come behind it.
    assert desk.drop(Retention(revisions=0, days=14)) == (old if desk.start == 0 else 0)
    assert desk.page(young - 1)


def test_an_altered_snapshot_covers_nothing(desk: Desk, engine: Engine) -> None:
    desk.publish(item("a"))
    desk.make()
    with engine.begin() as connection:
        connection.execute(text("UPDATE feed_snapshot SET packed = packed || 'x'::bytea"))
    assert desk.drop() == 0


def test_after_a_restore_only_a_snapshot_of_the_new_timeline_counts(
    desk: Desk, engine: Engine
) -> None:
    desk.publish(item("a"))
    first = desk.make()
    with engine.begin() as connection:
        connection.execute(text("UPDATE company SET timeline = gen_random_uuid()"))
    with desk.engine.connect() as connection:
        assert snapshots.newest(connection, SCOPE) is None
    assert desk.drop() == 0
    second = desk.make()
    assert second is not None
    assert first is not None
    assert (second.revision, second.timeline != first.timeline) == (first.revision, True)


def test_whoever_is_far_behind_gets_the_lighter_of_both(desk: Desk) -> None:
    start = desk.start
    prices = (item("a", b'{"price":%d}' % n) for n in range(snapshots.FAR_REVISIONS + 2))
    head = [desk.publish(one) for one in prices][-1]
    assert desk.page(start)[0] == start + 1, "there is no snapshot yet"
    desk.make()
    with pytest.raises(SnapshotNeeded):
        desk.page(start)
    assert desk.page(head - 1) == [head]
    assert desk.page(head) == []
    assert desk.page(start, takes_snapshots=False)[0] == start + 1, "an older device goes on"


def test_a_cursor_beyond_the_end_is_refused(desk: Desk) -> None:
    head = desk.publish(item("a"))
    with pytest.raises(CursorBeyond):
        desk.page(head + 1)


def test_a_scope_without_anything_has_none(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        key = desk.keys.signing_key
        assert snapshots.make(connection, "nothing", now_ms=NOW_MS, signing_key=key) is None
        assert snapshots.drop_covered(connection, "nothing", NONE_KEPT, NOW_MS) == 0
        assert SCOPE in snapshots.scopes(connection)


def test_a_snapshot_that_is_gone_gives_no_bytes(desk: Desk) -> None:
    desk.publish(item("a"))
    note = desk.make()
    assert note is not None
    with desk.engine.begin() as connection:
        connection.execute(delete(feed_snapshot))
        assert snapshots.read_part(connection, note, 0, 10) == b""
        assert connection.execute(feed_revision.select()).first() is not None


def keep(desk: Desk, retention: Retention) -> snapshots.Kept:
    with desk.engine.begin() as connection:
        key = desk.keys.signing_key
        return snapshots.keep(connection, SCOPE, retention, now_ms=NOW_MS + 1, signing_key=key)


def test_the_housekeeping_makes_a_snapshot_when_enough_lies_behind_the_last(desk: Desk) -> None:
    keep(desk, Retention())
    before = keep(desk, Retention())
    assert (before.made, before.dropped) == (None, 0)
    for n in range(snapshots.REVISIONS_BETWEEN):
        desk.publish(item("a", b'{"price":%d}' % n))
    made = keep(desk, Retention()).made
    assert made is not None
    assert keep(desk, Retention()).made is None
    head = desk.publish(item("b", bytes(snapshots.BYTES_BETWEEN)))
    assert keep(desk, Retention()).made is None, "zeros weigh nothing"
    assert keep(desk, NONE_KEPT) == snapshots.Kept(desk.make(), head)
    assert desk.page(head) == []
