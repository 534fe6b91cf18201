"""The power goes at every write and every sync: what was answered is there, whatever is torn."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from router_agent.operations.take import take_parcels
from router_agent.outbound import store
from router_agent.outbound.schema import ROOMS
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel
from sentra.protocol.segment import open_segment
from sentra.vault import journal
from sentra.vault.database import Vault
from tests.durability.day import (
    a_day,
    new_shop,
    shop_folder,
    state_of,
    till_on,
    write_back_at_once,
)
from tests.support.journals import Journal

pytest.importorskip("apsw", reason="!!! NO POWER IS CUT HERE: apsw-sqlite3mc IS NOT INSTALLED !!!")

from tests.durability.disk import Trace, recorded

__all__ = ["shop_folder", "write_back_at_once"]

NOT_FROM_THE_END = shutil.ignore_patterns("vault.db*", "*.lock")
Answers = list[tuple[int, Head]]
"""Behind how many steps of the disk which head was acknowledged."""

STEPS_MIN = 100
"""Fewer would mean that the work has shrunk, or that writes pass by the recorder."""


def _sell_a_day(folder: Path, synchronous: str | None = None) -> tuple[Trace, Answers]:
    answers: Answers = []
    with new_shop(folder) as shop, recorded(folder, synchronous) as trace:
        till = till_on(folder, shop.clock)
        for deed in a_day(shop):
            shop.clock.forward(seconds=30)
            deed.do(till)
            with till.vault.reader() as db:
                answers.append((len(trace.steps), journal.head(db)))
        till.close()
    return trace, answers


def _take_envelopes(folder: Path, synchronous: str | None = None) -> tuple[Trace, Answers]:
    """A router takes twelve envelopes, writing its log back between them."""
    Vault.create(folder, "router", ROOMS).close()
    terminal, answers = Journal(1), Answers()
    with recorded(folder, synchronous) as trace:
        vault = Vault.open(folder, ROOMS)
        for number in range(12):
            terminal.sell(number % 3 + 1)
            first = answers[-1][1].seq + 1 if answers else 1
            with vault.writer() as db:
                takings, _ = take_parcels(
                    [Parcel(terminal.sealed(first, len(terminal.entries)))],
                    lambda _: terminal.key.public_key(),
                    lambda one: store.head_of(db, one),
                )
                store.keep(db, takings, number)
            answers.append((len(trace.steps), terminal.head))
            if number % 5 == 4:
                vault.checkpoint()
        vault.close()
    return trace, answers


def _head_of_till(folder: Path) -> Head:
    return state_of(folder).head


def _head_of_router(folder: Path) -> Head:
    """The head, where every entry up to it can be opened."""
    vault = Vault.open(folder, ROOMS)
    try:
        with vault.reader() as db:
            head, prev = store.head_of(db, Journal(1).terminal), EMPTY.hash
            for sealed in store.segments_of(db, Journal(1).terminal):
                prev = open_segment(sealed, prev)[-1].hash
            assert prev == head.hash
            return head
    finally:
        vault.close()


def _acknowledged(answers: Answers, steps: int) -> Head:
    return max((head for at, head in answers if at <= steps), key=lambda h: h.seq, default=EMPTY)


def _losses(
    trace: Trace,
    answers: Answers,
    folder: Path,
    look: Callable[[Path], Head],
    points: Iterable[tuple[int, random.Random | None]],
) -> Iterator[int]:
    """For each point how many acknowledged entries were lost; each vault is opened by production.

    A point is behind so many steps; without dice nothing survives that was not synced.
    """
    for point, dice in points:
        place = folder / "after"
        shutil.copytree(
            folder / "disk", place, ignore=shutil.ignore_patterns("vault.db*", "*.lock")
        )
        for name, data in trace.left(point, dice).items():
            (place / name).write_bytes(data)
        told = _acknowledged(answers, point)
        if told.seq:
            # The head outside the database is never synced: at worst it is ahead of everything.
            journal.write_head_file(place, told)
        elif (place / journal.HEAD_FILE).exists():
            (place / journal.HEAD_FILE).unlink()
        yield max(0, told.seq - look(place).seq)
        shutil.rmtree(place)


@pytest.mark.parametrize(
    ("work", "look"),
    [(_sell_a_day, _head_of_till), (_take_envelopes, _head_of_router)],
    ids=["till", "router"],
)
def test_nothing_that_was_acknowledged_is_lost_at_any_write_or_sync(
    shop_folder: Path,
    write_back_at_once: None,
    work: Callable[[Path], tuple[Trace, Answers]],
    look: Callable[[Path], Head],
) -> None:
    trace, answers = work(shop_folder / "disk")
    assert len(trace.steps) >= STEPS_MIN
    count = len(trace.steps)
    torn = [(point, random.Random(point)) for point in range(count + 1)]
    # Between two syncs nothing changes on a disk that keeps only what was synced.
    bare = [(n, None) for n in range(count) if trace.steps[n].what == "sync"] + [(count, None)]
    points = [*torn, *bare]
    losses = list(_losses(trace, answers, shop_folder, look, points))
    assert sum(losses) == 0, [point for point, lost in zip(points, losses, strict=True) if lost]


def test_this_test_can_fail_without_a_sync_for_each_commit_sales_are_lost(
    shop_folder: Path, write_back_at_once: None
) -> None:
    trace, answers = _take_envelopes(shop_folder / "disk", "NORMAL")
    points = [(at, None) for at, _ in answers]
    assert sum(_losses(trace, answers, shop_folder, _head_of_router, points)) > 0
