"""A process ends between any two statements: what it was doing is whole or absent, and goes on."""

from __future__ import annotations

import itertools
from pathlib import Path

from pos_shell.till import Till
from tests.durability.day import (
    Deed,
    State,
    a_day,
    copy_disk,
    new_shop,
    shop_folder,
    state_of,
    till_on,
    write_back_at_once,
)
from tests.durability.fuse import Ended, Fuse, fused
from tests.support.shop import Clock

__all__ = ["shop_folder", "write_back_at_once"]

AGAIN_EVERY = 5
"""At so many points in turn the deed is done once more, as a cashier would who saw no answer."""

POINTS_MIN = 120
"""Fewer would mean that the day has shrunk, or that statements pass by the fuse."""


def _do(folder: Path, clock: Clock, deed: Deed, fuse: Fuse, at: int | None = None) -> bool:
    """Whether the deed was answered; the process ends at its statement `at`."""
    till: Till | None = None
    try:
        with fused(fuse):
            till = till_on(folder, clock)
            # Opening only reads: it is not gone through again for each deed.
            till.identity.device_id  # noqa: B018 - reads it
            fuse.arm(at)
            deed.do(till)
            return True
    except Ended:
        return False
    finally:
        if till is not None and not fuse.blown:
            till.close()


def test_a_till_that_ends_at_any_statement_has_the_deed_whole_or_not_at_all(
    shop_folder: Path, write_back_at_once: None
) -> None:
    points = 0
    names = itertools.count()
    with new_shop(shop_folder / "till") as shop:
        clock, disk = shop.clock, copy_disk(shop_folder / "till", shop_folder / "before")
        before = state_of(disk)
        for deed in a_day(shop):
            clock.forward(seconds=30)
            whole = copy_disk(disk, shop_folder / f"{next(names)}")
            assert _do(whole, clock, deed, Fuse())
            after = state_of(whole)
            for at in itertools.count():
                place = shop_folder / f"{next(names)}"
                if _ends_at(copy_disk(disk, place), clock, deed, at, before, after):
                    break
                points += 1
            disk, before = whole, after
    assert points >= POINTS_MIN


def _ends_at(folder: Path, clock: Clock, deed: Deed, at: int, before: State, after: State) -> bool:
    """Whether the deed has fewer statements than that."""
    fuse = Fuse()
    if _do(folder, clock, deed, fuse, at):
        return True
    found = folder.with_name(f"{folder.name}-found")
    copy_disk(folder, found)
    fuse.clear()
    state = state_of(found)
    assert _like(state, before) or _like(state, after), f"{deed.name}, statement {at}"
    if at % AGAIN_EVERY == 0 and (deed.again or not _like(state, after)):
        assert _do(found, clock, deed, Fuse())
        assert _like(state_of(found), after), f"{deed.name} again after statement {at}"
    return False


def _like(one: State, other: State) -> bool:
    """The same but for what chance made: identities are drawn anew."""

    def seen(state: State) -> tuple[object, ...]:
        head = state.head
        return head.epoch, head.seq, state.rows, state.sealed, state.revision, state.cart is None

    return seen(one) == seen(other)
