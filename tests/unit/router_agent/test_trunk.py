"""The router's steps towards the cloud, against a cloud written for the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.operations.forward import Lane, Pick
from router_agent.operations.trunk import (
    SENDING_BYTES_MAX,
    SENDING_BYTES_MIN,
    CloudHead,
    Credit,
    LaneParcel,
    fetch_feed,
    note_hello,
    send_lane,
    send_next,
)
from sentra.link.errors import LinkDown
from sentra.link.parts import SnapshotPart
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.errors import FeedDamaged, ProtocolError
from sentra.protocol.feed import FeedItem, SealedRevision, seal_revision
from sentra.protocol.messages import (
    Hello,
    HelloAnswer,
    JournalAnswer,
    JournalOutcome,
    Watermark,
    note_of,
    sign_timeline,
    sign_watermark,
)
from sentra.protocol.snapshot import SnapshotNote, unpack_items
from tests.fakes.memory_store import a_refusal
from tests.fakes.snapshots import Downloads, MemorySnapshot, a_snapshot
from tests.support.journals import Journal
from tests.support.tills import BRANCH

CLOUD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x07")
COMPANY = "company"


@dataclass
class Shelf(Downloads):
    """Segments by terminal in memory, with the interface of the vault's shelf."""

    segments: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    cloud: dict[str, Head] = field(default_factory=dict)
    marks: dict[str, Watermark] = field(default_factory=dict)
    revisions: list[SealedRevision] = field(default_factory=list)
    items: dict[str, bytes | None] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    seen_timeline: str = "first"
    downloads: dict[str, tuple[SnapshotNote, bytes]] = field(default_factory=dict)
    kept: SnapshotNote | None = None
    words: list[Watermark] = field(default_factory=list)
    answers: list[tuple[str, str, tuple[int, int]]] = field(default_factory=list)
    lane: list[LaneParcel] = field(default_factory=list)
    confirmed: set[bytes] = field(default_factory=set)

    def _waiting(self, terminal: str) -> list[bytes]:
        head = self.cloud.get(terminal, EMPTY)
        return [sealed for last, sealed in self.segments[terminal] if last > head.seq]

    def lanes(self) -> list[Lane]:
        return [
            Lane(name, len(self._waiting(name)), tuple(map(len, self._waiting(name))))
            for name in self.segments
        ]

    def parcels(self, pick: Pick) -> list[Parcel]:
        return [Parcel(sealed) for sealed in self._waiting(pick.terminal)[: pick.segments]]

    def terminals(self) -> list[str]:
        return list(self.segments)

    def set_cloud_heads(self, heads: Sequence[CloudHead]) -> None:
        for one in heads:
            self.cloud[one.terminal] = one.head
            if one.mark is not None:
                self.marks[one.terminal] = one.mark

    def note_answers(self, answers: Sequence[tuple[str, str, tuple[int, int]]]) -> None:
        self.answers += answers

    def lane_parcels(self, resting: frozenset[str], bytes_max: int) -> list[LaneParcel]:
        return [one for one in self.lane if one.digest not in self.confirmed]

    def confirm_lane(self, digests: Sequence[bytes]) -> None:
        self.confirmed.update(digests)

    def keep_words(self, archived: Sequence[Watermark], since: Watermark | None) -> None:
        self.words = [*archived, *([] if since is None else [since])]

    def timeline(self) -> str:
        return self.seen_timeline

    def set_timeline(self, timeline: str) -> None:
        self.seen_timeline = timeline

    def feed_cursor(self, scope: str) -> int:
        own = [r.revision for r in self.revisions if r.scope == scope]
        return max([self.snapshot_revision(scope), *own])

    def cache(self, revision: SealedRevision, items: Sequence[FeedItem]) -> None:
        self.revisions.append(revision)
        for item in items:
            self.items[item.key] = item.body
            self.stale.discard(item.key)

    def restart_feed(self, scope: str) -> None:
        self.revisions = [r for r in self.revisions if r.scope != scope]
        self.stale = set(self.items)

    def snapshot_revision(self, scope: str) -> int:
        return self.kept.revision if self.kept else 0

    def apply_snapshot(self, note: SnapshotNote) -> None:
        packed = self.taken(note)
        blocks = unpack_items(note.scope, [packed])
        self.items = {item.key: item.body for block in blocks for item in block}
        self.kept, self.revisions = note, []

    def settle_feed(self, scope: str) -> None:
        assert scope == COMPANY
        for key in self.stale:
            del self.items[key]
        self.stale = set()


@dataclass
class Cloud:
    """Answers what the test says."""

    outcomes: list[JournalOutcome] = field(default_factory=list)
    revisions: list[SealedRevision] = field(default_factory=list)
    sent: list[Sequence[Parcel]] = field(default_factory=list)
    breaks: bool = False
    kept_from: int = 1
    made: MemorySnapshot | None = None

    def hello(self, hello: Hello) -> HelloAnswer:
        raise AssertionError(f"not asked here: {hello}")

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        self.sent.append(parcels)
        if self.breaks:
            raise LinkDown("timeout", "cloud:443", "too slow")
        return JournalAnswer(outcomes=tuple(self.outcomes), credit_bytes=1234, pause_ms=5)

    def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
        if after + 1 < self.kept_from:
            raise a_refusal("snapshot-needed", 410)
        behind = [r for r in self.revisions if r.scope == scope and r.revision > after]
        return max((r.revision for r in self.revisions), default=0), behind[:1]

    def snapshot(self, scope: str, begun: str | None, start: int) -> SnapshotPart:
        if self.made is None:
            raise a_refusal("snapshot-absent", 503, retry=True)
        return self.made.part(begun, start)


def _shelf(journal: Journal) -> Shelf:
    journal.sell(4)
    segments = [(2, journal.sealed(1, 2)), (4, journal.sealed(3, 4))]
    return Shelf({journal.terminal: segments})


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
    shelf = _shelf(journal)
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
    shelf = _shelf(journal)
    cloud = Cloud([_outcome(journal, "appended", journal.head, forger)])
    send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert shelf.marks == {}


def test_after_a_gap_everything_behind_the_clouds_head_is_sent_again() -> None:
    journal = Journal()
    shelf = _shelf(journal)
    shelf.cloud[journal.terminal] = Head(1, 2, journal.entries[1].hash)
    cloud = Cloud([_outcome(journal, "gap", EMPTY)])
    send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert len(cloud.sent[0]) == 1
    send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert len(cloud.sent[1]) == 2


def test_a_refused_journal_stays_where_it_was_and_can_rest() -> None:
    journal = Journal()
    shelf = _shelf(journal)
    cloud = Cloud([_outcome(journal, "refused", EMPTY)])
    sent = send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key())
    assert sent is not None
    assert not sent.moved
    assert shelf.cloud == {}
    resting = frozenset({journal.terminal})
    assert send_next(cloud, shelf, Credit(), CLOUD_KEY.public_key(), resting) is None


def test_the_feed_is_cached_in_order_until_its_head() -> None:
    revisions = [
        seal_revision(COMPANY, n, [FeedItem("product", f"p{n}", b"{}")], CLOUD_KEY)
        for n in (1, 2, 3)
    ]
    shelf = Shelf()
    assert fetch_feed(Cloud(revisions=revisions), shelf, COMPANY, CLOUD_KEY.public_key()) == 3
    assert shelf.revisions == revisions


def test_a_revision_that_the_cloud_did_not_sign_is_never_cached() -> None:
    forged = seal_revision(
        COMPANY, 1, [FeedItem("product", "p", b"{}")], Ed25519PrivateKey.generate()
    )
    shelf = Shelf()
    with pytest.raises(FeedDamaged):
        fetch_feed(Cloud(revisions=[forged]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert shelf.revisions == []


def test_a_revision_that_does_not_follow_is_never_cached() -> None:
    late = seal_revision(COMPANY, 2, [FeedItem("product", "p", b"{}")], CLOUD_KEY)
    shelf = Shelf()
    with pytest.raises(FeedDamaged):
        fetch_feed(Cloud(revisions=[late]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert shelf.revisions == []


def test_a_line_that_does_not_carry_an_envelope_is_asked_for_half_of_it() -> None:
    journal = Journal()
    shelf, credit = _shelf(journal), Credit(granted_bytes=8 * 1024 * 1024)
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


def _hello(shelf: Shelf, **changes: object) -> tuple[str, ...]:
    said = HelloAnswer(
        protocol=1,
        software="test",
        clock_ms=0,
        timeline=str(changes.get("timeline", "first")),
        here=changes.get("here", {}),  # type: ignore[arg-type]  # what the test says
        cloud={},
        feed=changes.get("feed", {}),  # type: ignore[arg-type]  # what the test says
        segment_bytes_max=1,
        envelope_bytes_max=1,
    )
    return note_hello(said, shelf, CLOUD_KEY.public_key(), (COMPANY,))


def test_a_journal_that_the_cloud_does_not_name_is_sent_from_its_beginning() -> None:
    journal = Journal()
    shelf = _shelf(journal)
    shelf.cloud[journal.terminal] = journal.head
    _hello(shelf, here={})
    assert shelf.cloud[journal.terminal] == EMPTY


def test_lower_heads_of_a_restored_cloud_are_believed() -> None:
    journal = Journal()
    shelf = _shelf(journal)
    shelf.cloud[journal.terminal] = journal.head
    lower = Head(1, 2, journal.entries[1].hash)
    _hello(shelf, here={journal.terminal: note_of(lower)}, timeline="second")
    assert shelf.cloud[journal.terminal] == lower
    assert shelf.seen_timeline == "second"


def test_on_a_new_timeline_the_feed_is_read_anew_and_what_it_lost_is_dropped() -> None:
    def revision(*keys: str) -> SealedRevision:
        items = [FeedItem("product", key, b"{}") for key in keys]
        return seal_revision(COMPANY, 1, items, CLOUD_KEY)

    shelf = Shelf()
    assert _hello(shelf, feed={COMPANY: 1}) == (COMPANY,)
    fetch_feed(Cloud(revisions=[revision("kept", "lost")]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert _hello(shelf, feed={COMPANY: 1}) == ()
    assert _hello(shelf, feed={COMPANY: 1}, timeline="second") == (COMPANY,)
    assert set(shelf.items) == {"kept", "lost"}, "until then it is served from what is known"
    fetch_feed(Cloud(revisions=[revision("kept")]), shelf, COMPANY, CLOUD_KEY.public_key())
    assert set(shelf.items) == {"kept"}


def test_a_feed_that_is_shorter_than_the_cache_is_read_anew() -> None:
    shelf = Shelf()
    revisions = [
        seal_revision(COMPANY, n, [FeedItem("tax", "t", b"{}")], CLOUD_KEY) for n in (1, 2)
    ]
    fetch_feed(Cloud(revisions=revisions), shelf, COMPANY, CLOUD_KEY.public_key())
    assert _hello(shelf, feed={COMPANY: 1}) == (COMPANY,)
    assert shelf.feed_cursor(COMPANY) == 0


def test_the_clouds_words_are_kept_for_the_tills_and_strangers_words_are_not() -> None:
    journal = Journal()
    shelf = _shelf(journal)
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


def _state(*keys: str) -> list[FeedItem]:
    return [FeedItem("device", key, b"{}") for key in keys]


def test_a_cache_that_is_too_far_behind_takes_the_snapshot_and_goes_on_from_there() -> None:
    shelf = Shelf(items={"gone": b"{}"})
    after = seal_revision(COMPANY, 31, _state("later"), CLOUD_KEY)
    made = a_snapshot(COMPANY, 30, _state("a", "b"), timeline="first", key=CLOUD_KEY)
    cloud = Cloud(revisions=[after], kept_from=31, made=made)
    fetch_feed(cloud, shelf, COMPANY, CLOUD_KEY.public_key())
    assert shelf.kept == made.note
    assert set(shelf.items) == {"a", "b", "later"}
    assert shelf.feed_cursor(COMPANY) == 31


def test_a_router_keeps_no_snapshot_that_the_cloud_did_not_sign() -> None:
    other = Ed25519PrivateKey.generate()
    for made in (
        a_snapshot(COMPANY, 30, _state("a"), timeline="first", key=other),
        a_snapshot(BRANCH, 30, _state("a"), timeline="first", key=CLOUD_KEY),
        a_snapshot(COMPANY, 30, _state("a"), timeline="another", key=CLOUD_KEY),
        replace(a_snapshot(COMPANY, 30, _state("a"), timeline="first", key=CLOUD_KEY), packed=b"x"),
    ):
        shelf = Shelf(items={"here": b"{}"})
        with pytest.raises(ProtocolError):
            fetch_feed(Cloud(kept_from=31, made=made), shelf, COMPANY, CLOUD_KEY.public_key())
        assert (shelf.kept, shelf.downloads, set(shelf.items)) == (None, {}, {"here"})


def test_a_cursor_beyond_the_clouds_feed_changes_nothing() -> None:
    class Shorter(Cloud):
        def feed(self, scope: str, after: int) -> tuple[int, list[SealedRevision]]:
            raise a_refusal("cursor-beyond", 409)

    shelf = Shelf(revisions=[seal_revision(COMPANY, 1, _state("a"), CLOUD_KEY)])
    assert fetch_feed(Shorter(), shelf, COMPANY, CLOUD_KEY.public_key()) == 0
    assert shelf.feed_cursor(COMPANY) == 1


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
