"""A router forgets what is archived and old, and begins a journal where its terminal can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from router_agent.inbound.house import EVERY_MS, House
from router_agent.operations.take import take_parcels
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import bases, lane, store
from router_agent.outbound.schema import ROOMS
from router_agent.outbound.shelf import VaultShelf
from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import Base, note_of, sign_watermark
from sentra.vault.archived import DAY_MS
from sentra.vault.database import Vault
from tests.support.journals import START_MS, Journal
from tests.support.tills import CLOUD_KEY, an_identity

T0 = START_MS
LATER = T0 + 35 * DAY_MS


@dataclass
class Mini:
    """A router's store, and its housekeeping with a hand on its clock."""

    vault: Vault
    journal: Journal
    tick_ms: int = 0
    house: House = field(init=False)

    def __post_init__(self) -> None:
        self.house = House(self.vault, an_identity(), 35, lambda: self.tick_ms)
        self.shelf = VaultShelf(self.vault, an_identity(), lambda: None)

    def take(self, *sealed: bytes) -> str:
        own = self.journal
        with self.vault.writer() as db:
            takings, _ = take_parcels(
                [Parcel(one) for one in sealed],
                lambda _: own.key.public_key(),
                lambda terminal: store.head_of(db, terminal),
                lambda *place: store.hash_at(db, *place),
                lambda terminal: store.first_of(db, terminal),
                lambda *place: lane.tails(db, *place),
            )
            store.keep(db, takings, T0)
        return takings[0].outcome

    def head(self, seq: int) -> Head:
        return head_of(self.journal.entries[seq - 1])

    def hear(
        self, archived: int, cloud: int, at_ms: int, key: Ed25519PrivateKey = CLOUD_KEY
    ) -> None:
        """What the cloud said at a hello."""
        own = self.journal.terminal
        mark = sign_watermark(key, "cloud", own, self.head(cloud), at_ms)
        self.shelf.set_cloud_heads([CloudHead(own, self.head(cloud), mark)])
        with self.vault.writer() as db:
            store.set_cloud_head(db, store.journal(db, own), CloudHead(own, self.head(cloud), mark))
            store.set_archived(db, sign_watermark(key, "archived", own, self.head(archived), at_ms))

    def keep(self, now_ms: int) -> None:
        """Some steps of the housekeeping."""
        for _ in range(3):
            self.tick_ms += EVERY_MS
            self.house.keep(now_ms)

    def held(self) -> list[int]:
        with self.vault.reader() as db:
            rows = db.execute("SELECT last_seq FROM held_segment ORDER BY epoch, last_seq")
            return [last for (last,) in rows]


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mini]:
    """Ten sales in five segments; six of them are archived, nine in the cloud."""
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault = Vault.create(tmp_path, "router", ROOMS)
    journal = Journal()
    journal.sell(10)
    made = Mini(vault, journal)
    assert made.take(*(journal.sealed(n, n + 1) for n in range(1, 11, 2))) == "appended"
    yield made
    vault.close()


def test_what_was_archived_a_window_ago_goes_and_the_head_stays(mini: Mini) -> None:
    mini.hear(6, 9, T0)
    mini.keep(T0)
    mini.hear(6, 10, LATER)
    mini.keep(LATER)
    assert mini.held() == [8, 10]
    with mini.vault.reader() as db:
        assert store.head_of(db, mini.journal.terminal) == mini.head(10)
        assert bases.base_of(db, mini.journal.terminal) == mini.head(6)
        assert store.hash_at(db, mini.journal.terminal, 1, 6) == mini.head(6).hash
        assert store.hash_at(db, mini.journal.terminal, 1, 7) == mini.head(7).hash
        assert store.hash_at(db, mini.journal.terminal, 1, 3) is None
    assert mini.take(mini.journal.sealed(3, 4)) == "already"
    assert mini.take(mini.journal.sealed(7, 8)) == "already"
    mini.journal.sell(1)
    assert mini.take(mini.journal.sealed(11, 11)) == "appended"


def test_neither_clock_alone_is_enough(mini: Mini) -> None:
    mini.hear(6, 9, T0)
    mini.keep(T0)
    mini.keep(T0 + 10 * 365 * DAY_MS)
    mini.hear(6, 10, T0 + 10 * 365 * DAY_MS)
    mini.keep(T0 + DAY_MS)
    assert len(mini.held()) == 5


def test_a_forged_word_forgets_nothing(mini: Mini) -> None:
    forger = Ed25519PrivateKey.generate()
    mini.hear(6, 9, T0, forger)
    mini.keep(T0)
    mini.hear(6, 10, LATER, forger)
    mini.keep(LATER)
    assert len(mini.held()) == 5


def test_what_the_cloud_did_not_confirm_of_this_line_stays(mini: Mini) -> None:
    mini.hear(6, 9, T0)
    mini.keep(T0)
    mini.hear(6, 10, LATER)
    with mini.vault.writer() as db:
        db.execute("UPDATE held_head SET sent_epoch = 1, sent_seq = 2")
    mini.keep(LATER)
    assert mini.held() == [4, 6, 8, 10]


def test_a_new_router_begins_where_the_terminal_does(mini: Mini) -> None:
    own = mini.journal
    with mini.vault.writer() as db:
        for table in ("held_segment", "held_head"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    assert mini.take(own.sealed(7, 8)) == "gap"
    with mini.vault.writer() as db:
        assert bases.begin_at(db, own.terminal, mini.head(6))
        assert not bases.begin_at(db, own.terminal, mini.head(6))
        assert not bases.begin_at(db, own.terminal, mini.head(4))
    assert mini.take(own.sealed(7, 8), own.sealed(9, 10)) == "appended"
    assert mini.held() == [8, 10]
    with mini.vault.reader() as db:
        assert store.hash_at(db, own.terminal, 1, 7) == mini.head(7).hash
    with mini.vault.writer() as db:
        bases.leave(db, own.terminal)
        assert bases.base_of(db, own.terminal) == EMPTY


def test_a_base_is_believed_only_with_the_clouds_word_for_all_of_it(mini: Mini) -> None:
    own, key = mini.journal.terminal, CLOUD_KEY.public_key()

    def base(name: str, terminal: str, seq: int, by: Ed25519PrivateKey = CLOUD_KEY) -> Base:
        mark = sign_watermark(by, name, terminal, mini.head(seq), T0)
        return Base(note_of(mini.head(6)), mark)

    assert base("archived", own, 6).is_covered(own, key)
    assert base("archived", own, 8).is_covered(own, key)
    assert not base("archived", own, 5).is_covered(own, key)
    assert not base("cloud", own, 8).is_covered(own, key)
    assert not base("archived", "another", 8).is_covered(own, key)
    assert not base("archived", own, 8, Ed25519PrivateKey.generate()).is_covered(own, key)


def aside(mini: Mini) -> list[int]:
    with mini.vault.reader() as db:
        return [one.last_seq for one in lane.held(db, mini.journal.terminal)]


@pytest.fixture
def forked(mini: Mini) -> Mini:
    """A second machine's line is in the lane; the cloud has confirmed its first segment."""
    clone = Journal(2)
    clone.terminal, clone.key = mini.journal.terminal, mini.journal.key
    clone.sell(4, amount=9_900)
    assert mini.take(clone.sealed(1, 2), clone.sealed(3, 4)) == "fork"
    with mini.vault.writer() as db:
        first = next(lane.held(db, mini.journal.terminal))
        lane.confirm(db, [first.digest])
    return mini


def test_what_the_cloud_has_had_in_its_lane_for_a_window_goes_and_the_rest_waits(
    forked: Mini,
) -> None:
    forked.hear(6, 9, T0)
    forked.keep(T0)
    forked.hear(6, 9, LATER - 1)
    forked.keep(LATER)
    assert aside(forked) == [2, 4], "a window by the cloud's signatures too"
    forked.hear(6, 9, LATER)
    forked.keep(LATER - 1)
    assert aside(forked) == [2, 4], "and by this clock"
    forked.keep(LATER)
    assert aside(forked) == [4]
    with forked.vault.reader() as db:
        assert lane.waits(db)[forked.journal.terminal].entries == 2


def test_after_a_restore_of_the_cloud_the_lanes_days_are_counted_anew(forked: Mini) -> None:
    forked.hear(6, 9, T0)
    forked.keep(T0)
    with forked.vault.writer() as db:
        lane.confirm_no_more(db)
        lane.confirm(db, [one.digest for one in lane.held(db, forked.journal.terminal)])
    forked.hear(6, 9, LATER)
    forked.keep(LATER)
    assert aside(forked) == [2, 4]


def test_without_any_signed_word_the_lane_stays(forked: Mini) -> None:
    forked.keep(T0)
    forked.keep(LATER)
    assert aside(forked) == [2, 4]
