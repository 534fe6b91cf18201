"""A till whose vault is an older copy takes up what its stores hold, in another epoch, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sentra.protocol.entry import EMPTY, Head, head_of
from sentra.vault import journal, regaining, state
from sentra.vault.epochs import secure_head
from sentra.vault.failures import VaultFull
from syncd.daemon.operations.ports import CLOUD, ROUTER
from syncd.daemon.operations.restore import Outcome
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS
from tests.unit.syncd_daemon.machines import (
    TERMINAL,
    Machine,
    a_loss,
    a_store,
    copy_of,
    put_back,
)


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


def test_it_counts_once_at_the_very_same_place_too(
    machines: Callable[[], Machine], cloud: MemoryStore
) -> None:
    machine = machines()
    backup = a_loss(machine, cloud, CLOUD)
    machine = put_back(machine, backup, whole=True)
    machine.sell(4, amount=9_000)
    machine.meet(cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5, 4]
    machine.is_whole()


@pytest.mark.parametrize("at_once", [1, 100], ids=["portions", "one_transaction"])
def test_rows_stay_those_of_the_first_of_three_that_bear_one_identity(
    machines: Callable[[], Machine],
    cloud: MemoryStore,
    router: MemoryStore,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The common part has one, and both the line that is left and the one taken up another."""
    monkeypatch.setattr(regaining, "ENTRIES_AT_ONCE", at_once)
    machine = machines()
    backup = a_loss(machine, router, ROUTER)
    machine.send(CLOUD, cloud)
    machine = put_back(machine, backup, whole=True)
    machine.sell(4, 6, amount=9_000)
    machine.meet(cloud=cloud)
    machine.send(CLOUD, cloud)
    machine = put_back(machine, backup, whole=True)
    machine.sell(7, 4, amount=9_000)
    machine.meet(router=router)
    assert machine.numbers() == [1, 2, 3, 4, 5, 7, 4]
    machine.meet(cloud=cloud)
    assert machine.numbers() == [1, 2, 3, 4, 5, 4, 6, 7]
    machine.is_whole()


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


def test_a_line_that_parts_within_a_segment_is_compared_from_its_beginning(
    machines: Callable[[], Machine], cloud: MemoryStore, router: MemoryStore
) -> None:
    """Another router's word on how far it has the new line says nothing of the old one, whose first
    segment ends behind that place."""
    machine = machines()
    backup = copy_of(machine, "backup")
    machine.sell(1, 2)
    machine.send(ROUTER, router)
    machine.send(CLOUD, cloud)
    machine = put_back(machine, backup, whole=True)
    machine.sell(7)
    machine.send(ROUTER, a_store())
    outcome = machine.meet(cloud=cloud, router=router)
    assert (outcome.clone, machine.numbers()) == (None, [1, 2, 7])
    machine.is_whole()


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
