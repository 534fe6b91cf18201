"""A till whose vault is an older copy takes up what its stores hold, in another epoch, once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.projection.tables import SHARED
from sentra.protocol.entry import EMPTY, Head, first_broken, head_of
from sentra.protocol.errors import ProtocolError, SignatureWrong
from sentra.protocol.journal_page import PageDamaged
from sentra.protocol.messages import sign_watermark, watermark_is_true
from sentra.vault import journal, state, watermarks
from sentra.vault.database import Vault
from sentra.vault.driver import Connection
from sentra.vault.epochs import secure_head
from sentra.vault.failures import VaultFull
from syncd.daemon.operations.greet import (
    FORK,
    JOURNAL_BEHIND,
    Self,
    evidence_for,
    hello_of,
    note_hello,
)
from syncd.daemon.operations.greet import TIMELINE as TIMELINE_MARK
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName, Talk
from syncd.daemon.operations.restore import Outcome, ask, recover
from syncd.daemon.operations.send import send_aside, send_next
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS, a_sale
from tests.support.tills import CLOUD_KEY, TIMELINE, a_till, an_identity

IDENTITY = an_identity()
TERMINAL = IDENTITY.device_id
CLOUD_PUBLIC = CLOUD_KEY.public_key()
ME = Self("1", 0, None, 0, 0)
DAY_MS = 86_400_000
ROUTER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x09")


@dataclass
class Machine:
    """A till's folder, its open vault, and what it says to stores."""

    folder: Path
    vault: Vault
    talks: dict[StoreName, Talk] = field(default_factory=dict)
    began: Head = EMPTY

    @classmethod
    def start(cls, folder: Path) -> Machine:
        vault = Vault.open(folder)
        secure_head(vault, START_MS + DAY_MS)
        machine = cls(folder, vault)
        machine.began = machine.shelf.head()
        return machine

    @property
    def shelf(self) -> VaultShelf:
        return VaultShelf(self.vault, IDENTITY)

    def sell(self, *numbers: int, amount: int = 4_500) -> None:
        for number in numbers:
            with self.vault.writer() as db:
                fact = a_sale(number, amount)
                entry = journal.append(db, IDENTITY, fact, START_MS + number * 1000)
            journal.write_head_file(self.folder, head_of(entry))

    def greet(self, name: StoreName, store: MemoryStore) -> Talk:
        talk = self.talks.setdefault(name, Talk(name))
        answer = store.hello(hello_of(self.shelf, ME, START_MS))
        note_hello(talk, answer, self.shelf, CLOUD_PUBLIC, START_MS)
        return talk

    def meet(self, **stores: MemoryStore) -> Outcome:
        """Greets the stores and takes up what they hold, as the daemon does."""
        asked = []
        for name, store in stores.items():
            assert name in (CLOUD, ROUTER)
            talk = self.greet(name, store)
            asked.append(ask(name, store, talk.here, self.shelf))
        outcome = recover(asked, self.shelf, self.began, START_MS + DAY_MS)
        if outcome.done is not None:
            self.began = self.shelf.head()
            for again, store in stores.items():
                assert again in (CLOUD, ROUTER)
                self.greet(again, store)
        return outcome

    def send(self, name: StoreName, store: MemoryStore) -> None:
        talk = self.greet(name, store)
        while (sent := send_next(store, self.shelf, talk, CLOUD_PUBLIC, START_MS)) and sent.moved:
            pass

    def numbers(self) -> list[int]:
        """The sales of the journal, by number, in its order."""
        with self.vault.reader() as db:
            facts = journal.facts(db, TERMINAL)
            return [int(fact.receipt_number[-4:]) for _, fact in facts if fact is not None]  # type: ignore[union-attr]

    def places(self) -> list[tuple[int, int]]:
        with self.vault.reader() as db:
            return [(e.epoch, e.seq) for e in journal.entries(db, EMPTY, 1_000)]

    def is_whole(self) -> None:
        """The chain holds, every segment opens, and the rows are what a rebuild gives."""
        with self.vault.reader() as db:
            assert journal.verify(db, IDENTITY) == []
            assert first_broken(journal.entries(db, EMPTY, 1_000), EMPTY) is None
            before = rows(db)
        with pytest.raises(_Undone), self.vault.writer() as db:
            for table in SHARED:
                db.execute(f'DELETE FROM "{table.name}"')  # noqa: S608 - our own tables
            journal.project_all(db)
            assert rows(db) == before
            raise _Undone


class _Undone(Exception):
    pass


def rows(db: Connection) -> dict[str, list[str]]:
    names = [table.name for table in SHARED]
    return {name: sorted(map(repr, db.execute(f'SELECT * FROM "{name}"'))) for name in names}  # noqa: S608


def a_store(cloud: bool = False) -> MemoryStore:
    key = IDENTITY.private_key.public_key()
    return MemoryStore({TERMINAL: key}, CLOUD_KEY if cloud else None, timeline=TIMELINE)


@pytest.fixture
def cloud() -> MemoryStore:
    return a_store(cloud=True)


@pytest.fixture
def router() -> MemoryStore:
    return a_store()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Machine]]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    made: list[Machine] = []

    def make() -> Machine:
        vault, _ = a_till(tmp_path / "till")
        made.append(Machine(tmp_path / "till", vault))
        return made[-1]

    yield make
    for machine in made:
        machine.vault.close()


def copy_of(machine: Machine, name: str) -> Path:
    """A backup of the whole folder, with everything that was committed."""
    machine.vault.close()
    place = machine.folder.with_name(name)
    shutil.copytree(machine.folder, place)
    machine.vault = Vault.open(machine.folder)
    return place


def put_back(machine: Machine, backup: Path, *, whole: bool) -> Machine:
    """The backup in the machine's place: the whole folder, or the database alone."""
    machine.vault.close()
    head_file = (machine.folder / "head.json").read_bytes()
    shutil.rmtree(machine.folder)
    shutil.copytree(backup, machine.folder)
    if not whole:
        (machine.folder / "head.json").write_bytes(head_file)
    return Machine.start(machine.folder)


def a_loss(machine: Machine, store: MemoryStore, name: StoreName) -> Path:
    """Three sales, a backup, and two more that only a store has afterwards."""
    machine.sell(1, 2, 3)
    machine.send(name, store)
    backup = copy_of(machine, "backup")
    machine.sell(4, 5)
    machine.send(name, store)
    return backup


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "database"])
def test_what_was_lost_is_fetched_back_and_what_was_sold_since_is_kept(
    machines: Callable[[], Machine], cloud: MemoryStore, whole: bool
) -> None:
    machine = machines()
    backup = a_loss(machine, cloud, CLOUD)
    machine = put_back(machine, backup, whole=whole)
    machine.sell(14, 15)
    outcome = machine.meet(cloud=cloud)
    assert outcome.done is not None
    assert (outcome.done.fetched, outcome.done.again) == (2, 2)
    assert machine.numbers() == [1, 2, 3, 4, 5, 14, 15]
    machine.send(CLOUD, cloud)
    with machine.vault.reader() as db:
        assert cloud.journals[TERMINAL] == journal.entries(db, EMPTY, 100)
        assert db.execute("SELECT sum(total) FROM sale").fetchone() == (7 * 4_500,)
        recorded = [e.recorded_at_ms for e in journal.entries(db, EMPTY, 100)]
    assert recorded == [START_MS + n * 1000 for n in (1, 2, 3, 4, 5, 14, 15)]
    machine.is_whole()
    machine.vault.close()


def test_without_a_network_the_head_file_tells_and_no_taken_place_is_written(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    backup = a_loss(machine, cloud, CLOUD)
    machine = put_back(machine, backup, whole=False)
    machine.sell(14)
    assert machine.places() == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert machine.shelf.seal_pending() == 0
    assert not secure_head(machine.vault, START_MS), "it is noticed once"
    again = put_back(machine, copy_of(machine, "second"), whole=True)
    assert again.places()[-1] == (2, 1), "a start changes nothing more"
    again.meet(cloud=cloud)
    assert again.places() == [*((1, n) for n in range(1, 6)), (3, 1)]
    again.vault.close()


def test_an_epoch_that_was_opened_and_never_written_in_is_used(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=False)
    outcome = machine.meet(cloud=cloud)
    assert outcome.done is not None
    assert outcome.done.epoch == 2
    machine.sell(6)
    assert machine.places()[-1] == (2, 1)
    machine.is_whole()
    machine.vault.close()


def test_an_epoch_is_never_used_twice_however_often_a_copy_is_put_back(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    backup = a_loss(machine, cloud, CLOUD)
    for turn in range(3):
        machine = put_back(machine, backup, whole=True)
        machine.sell(20 + turn)
        machine.meet(cloud=cloud)
        machine.send(CLOUD, cloud)
        machine.is_whole()
    assert machine.numbers() == [1, 2, 3, 4, 5, 20, 21, 22]
    assert [place for place in machine.places() if place[0] > 1] == [(2, 1), (3, 1), (4, 1)]
    machine.vault.close()


def test_a_copy_made_before_the_stores_were_asked_is_an_old_copy_too(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=False)
    second = copy_of(machine, "second")
    machine.meet(cloud=cloud)
    machine.sell(14, 15)
    assert machine.places()[-1] == (2, 2)
    machine = put_back(machine, second, whole=False)
    assert machine.shelf.is_provisional()
    machine.sell(16)
    assert machine.places()[-1] == (3, 1), "the second epoch was written in already"
    machine.meet(cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5, 16]
    machine.is_whole()
    machine.vault.close()


def test_the_same_fact_in_both_lines_is_recorded_once(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    machine.sell(5, 6)
    machine.meet(cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5, 6]
    machine.is_whole()
    machine.vault.close()


def test_another_fact_of_the_same_identity_is_kept_and_counts_once(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    machine.sell(5, amount=9_999)
    machine.meet(cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5, 5]
    with machine.vault.reader() as db:
        assert db.execute("SELECT sum(total) FROM sale").fetchone() == (5 * 4_500,)
    machine.is_whole()
    machine.vault.close()


def test_what_never_left_the_till_is_gone_and_it_goes_on_in_the_next_epoch(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2)
    machine.send(CLOUD, cloud)
    backup = copy_of(machine, "backup")
    machine.sell(3)
    machine = put_back(machine, backup, whole=False)
    machine.sell(4)
    machine.meet(cloud=cloud)
    machine.send(CLOUD, cloud)
    assert machine.numbers() == [1, 2, 4]
    assert len(cloud.journals[TERMINAL]) == 3
    machine.is_whole()
    machine.vault.close()


def test_a_router_that_is_ahead_of_the_cloud_gives_the_line(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    backup = a_loss(machine, router, ROUTER)
    machine.send(CLOUD, cloud)
    machine.sell(6, 7)
    machine.send(ROUTER, router)
    machine = put_back(machine, backup, whole=True)
    machine.sell(14)
    outcome = machine.meet(router=router, cloud=cloud)
    assert outcome.done is not None
    assert machine.numbers() == [1, 2, 3, 4, 5, 6, 7, 14]
    machine.send(CLOUD, cloud)
    machine.send(ROUTER, router)
    assert cloud.journals == router.journals
    machine.is_whole()
    machine.vault.close()


def test_a_cloud_that_turns_out_to_hold_more_is_taken_up_again(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    backup = a_loss(machine, router, ROUTER)
    machine.sell(6, 7)
    machine.send(CLOUD, cloud)
    machine = put_back(machine, backup, whole=True)
    machine.sell(14)
    machine.meet(router=router)
    assert machine.numbers() == [1, 2, 3, 4, 5, 14]
    machine.meet(cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5, 6, 7, 14]
    assert machine.places()[-1] == (3, 1)
    machine.send(CLOUD, cloud)
    with machine.vault.reader() as db:
        assert cloud.journals[TERMINAL] == journal.entries(db, EMPTY, 100)
    machine.is_whole()
    machine.vault.close()


def test_a_router_with_a_line_that_the_cloud_never_had_loses_nothing(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2, 3)
    machine.send(CLOUD, cloud)
    backup = copy_of(machine, "backup")
    machine.sell(4, 5)
    machine.send(ROUTER, router)
    machine = put_back(machine, backup, whole=True)
    machine.sell(14)
    machine.send(CLOUD, cloud)
    outcome = machine.meet(router=router, cloud=cloud)
    assert outcome.done is not None
    assert machine.numbers() == [1, 2, 3, 14, 4, 5]
    assert machine.places()[-2:] == [(2, 1), (2, 2)]
    machine.send(CLOUD, cloud)
    assert len(cloud.journals[TERMINAL]) == 6
    talk = machine.greet(ROUTER, router)
    assert talk.notice is None, "the router's old line is known"
    assert talk.head == Head(2, 0, head_of(cloud.journals[TERMINAL][3]).hash)
    machine.is_whole()
    machine.vault.close()


def test_a_router_that_knows_less_shows_the_clouds_word_and_the_cloud_is_asked(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    head = cloud.head(TERMINAL)
    router.marks[TERMINAL] = sign_watermark(CLOUD_KEY, CLOUD, TERMINAL, head, START_MS)
    talk = machine.greet(ROUTER, router)
    assert (talk.notice, talk.doubt) == (None, head)
    router.marks[TERMINAL] = sign_watermark(ROUTER_KEY, CLOUD, TERMINAL, head, START_MS)
    assert not machine.greet(ROUTER, router).doubt, "nobody else's word is worth a question"
    machine.meet(router=router, cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5]
    machine.vault.close()


def test_a_line_that_does_not_come_to_the_signed_entry_is_not_the_clouds(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    there = cloud.head(TERMINAL)
    other = Head(there.epoch, there.seq, bytes(32))
    with pytest.raises(PageDamaged):
        ask(CLOUD, cloud, other, machine.shelf)
    assert ask(CLOUD, cloud, cloud.head(TERMINAL), machine.shelf).line is not None
    machine.vault.close()


def test_only_a_router_that_holds_nothing_is_shown_the_clouds_word(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2, 3)
    empty = machine.greet(ROUTER, router)
    assert evidence_for(empty, machine.shelf) == {}, "the cloud has said nothing yet"
    machine.send(CLOUD, cloud)
    machine.greet(CLOUD, cloud)
    (mark,) = evidence_for(empty, machine.shelf).values()
    assert (mark.name, mark.terminal, mark.head.to_head()) == (
        CLOUD,
        TERMINAL,
        machine.shelf.head(),
    )
    assert watermark_is_true(mark, CLOUD_PUBLIC)
    assert evidence_for(Talk(CLOUD), machine.shelf) == {}
    machine.send(ROUTER, router)
    assert evidence_for(machine.greet(ROUTER, router), machine.shelf) == {}
    with machine.vault.writer() as db:
        watermarks.reset_watermark(db, TIMELINE_MARK, EMPTY, mark.at_ms + 1, "")
    assert evidence_for(empty, machine.shelf) == {}, "said on a timeline that is gone"
    machine.vault.close()


def test_watermarks_of_the_line_that_was_left_are_taken_back(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    machine.sell(14, 15, 16)
    machine.send(ROUTER, router)
    machine.meet(cloud=cloud)
    with machine.vault.reader() as db:
        assert journal.holds(db, journal.watermark(db, "router"))
        assert journal.watermark(db, "router").seq == 3
        assert journal.backlog(db, "cloud").count == 3
    machine.vault.close()


def test_a_line_that_goes_on_from_what_this_program_wrote_is_another_machines(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2, 3)
    machine.send(CLOUD, cloud)
    other = Machine.start(copy_of(machine, "clone"))
    other.sell(50)
    other.send(CLOUD, cloud)
    machine.began = EMPTY
    machine.sell(4)
    outcome = machine.meet(cloud=cloud)
    assert outcome.done is None
    assert outcome.clone is not None
    assert outcome.clone.parted.seq == 3
    assert machine.numbers() == [1, 2, 3, 4], "the other machine's sales are not taken up"
    other.vault.close()


def test_the_second_machines_line_is_sent_to_the_fork_lane_to_its_end(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2)
    machine.send(CLOUD, cloud)
    other = Machine.start(copy_of(machine, "clone"))
    other.sell(50)
    other.send(CLOUD, cloud)
    machine.sell(3, 4)
    talk = machine.greet(CLOUD, cloud)
    assert talk.notice in (FORK, JOURNAL_BEHIND)
    machine.shelf.note_fork(0, START_MS)
    talk.aside = Head(1, 2, head_of(cloud.journals[TERMINAL][1]).hash)
    sent = send_aside(cloud, machine.shelf, talk, START_MS)
    assert sent is not None
    assert (sent.outcome, sent.moved) == ("fork", True)
    assert send_aside(cloud, machine.shelf, talk, START_MS) is None
    machine.sell(5)
    assert send_aside(cloud, machine.shelf, talk, START_MS) is not None
    assert machine.shelf.is_forked()
    other.vault.close()


def test_a_line_that_another_key_signed_is_not_believed(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    thief = VaultShelf(
        machine.vault,
        an_identity(private_key=Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x07")),
    )
    with pytest.raises(SignatureWrong):
        ask(CLOUD, cloud, cloud.head(TERMINAL), thief)
    assert machine.numbers() == [1, 2, 3]
    machine.vault.close()


def test_a_store_that_never_comes_to_its_head_is_not_believed(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    with pytest.raises(ProtocolError):
        ask(CLOUD, cloud, Head(1, 99, bytes(32)), machine.shelf)
    machine.vault.close()


def test_a_power_cut_within_leaves_the_journal_as_it_was(
    machines: Callable[[], Machine], cloud: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    machine.sell(14)
    before = machine.places()

    def fail(*_: object) -> None:
        raise VaultFull(folder="x", needed_mib=1, free_mib=0)

    with monkeypatch.context() as patched:
        patched.setattr("sentra.vault.epochs.settle_marks", fail)
        with pytest.raises(VaultFull):
            machine.meet(cloud=cloud)
    assert machine.places() == before
    machine.is_whole()
    assert machine.meet(cloud=cloud).done is not None
    machine.vault.close()


def test_an_open_cart_survives(machines: Callable[[], Machine], cloud: MemoryStore) -> None:
    machine = machines()
    machine = put_back(machine, a_loss(machine, cloud, CLOUD), whole=True)
    with machine.vault.writer() as db:
        state.put(db, "cart/open", {"sale_id": "x"})
    machine.meet(cloud=cloud)
    with machine.vault.reader() as db:
        assert state.get(db, "cart/open") == {"sale_id": "x"}
    machine.vault.close()


def test_nothing_is_done_where_nothing_was_lost(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    machine.sell(1, 2)
    machine.send(CLOUD, cloud)
    assert machine.meet(cloud=cloud) == Outcome(None)
    assert len(cloud.journals[TERMINAL]) == 2
