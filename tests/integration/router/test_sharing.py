"""Two tills, their daemon and their router: what one parks or sells, the other takes up or back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pos_shell.parked.actions import ParkedElsewhere, RouterSilent, hold_cart, resume_cart
from pos_shell.parked.queries import branch_orders, parked_rows
from pos_shell.receipt.queries import receipt_list
from pos_shell.refund.actions import RefundClaimed, refund_sale
from pos_shell.refund.queries import refund_page
from pos_shell.sale.branch_stock import branch_moves
from pos_shell.sale.store import keep_cart, load_cart
from pos_shell.shift.actions import open_shift
from pos_shell.shift.branch_day import branch_day
from pos_shell.till import Till
from sentra.domain.cart import add_open_item, open_cart
from sentra.domain.refund import Wanted
from sentra.events import Decision, Device, Person
from sentra.vault import catalogue, state
from syncd.daemon.bootstrap import Daemon
from syncd.daemon.config import DaemonSettings
from tests.integration.router.conftest import Running
from tests.support.fake_cloud import device_of, now_ms
from tests.support.journals import Journal, a_sale, an_id
from tests.support.shop import a_branch
from tests.support.tills import BRANCH, a_revision, a_till, sell

SARI = Person(an_id(900_010), "Sari", ("cashier",), "unused")
TIMER_MS = 1_000
Until = Callable[..., None]


class Branch:
    """Tills by number, one daemon for all, and the router that runs."""

    def __init__(self, running: Running, tills: dict[int, Till]) -> None:
        self.running, self.tills = running, tills

    def introduce_router(self, revision: int) -> None:
        """The feed tells the tills where their router is."""
        router_id, port = self.running.router.identity.device_id, self.running.port
        device = Device(router_id, "router", 1, "R", "ab", addresses=(f"127.0.0.1:{port}",))
        for till in self.tills.values():
            said: list[tuple[str, str, Decision | None]] = [
                ("device", router_id, device),
                ("branch", BRANCH, a_branch(id=BRANCH)),
            ]
            made, items = a_revision(BRANCH, revision, said)
            with till.vault.writer() as db:
                catalogue.apply_revision(db, made, items)

    def park(self, number: int, sale: int) -> str:
        """A cart with one coffee goes on hold; the sale's id."""
        cart = open_cart(an_id(sale), BRANCH, "IDR", now_ms())
        till = self.tills[number]
        with till.book() as book:
            keep_cart(book.db, add_open_item(cart, "Kopi", 4_500, "NONE"))
        return hold_cart(till, SARI, "Meja 7").cart.sale_id

    def sees(self, number: int) -> list[tuple[str, str, str]]:
        """What a till shows of the others' carts."""
        found = branch_orders(self.tills[number])
        rows = () if found is None else found.orders
        return [(one.label, one.parked_by, one.terminal_name) for one in rows]

    def gone(self, number: int) -> list[str | None]:
        return [row.gone_to for row in parked_rows(self.tills[number])]

    def cart(self, number: int) -> str | None:
        with self.tills[number].vault.reader() as db:
            cart = load_cart(db)
        return None if cart is None else cart.sale_id

    def via(self, number: int) -> str | None:
        with self.tills[number].vault.reader() as db:
            return state.sync_status(db).via


@pytest.fixture
def branch(running: Running, tmp_path: Path, until: Until) -> Iterator[Branch]:
    journals = {number: Journal(number) for number in (1, 2)}
    tills: dict[int, Till] = {}
    for number in journals:
        folder = tmp_path / f"till-{number}"
        vault, _ = a_till(folder, number, anchors=running.cloud.authority.anchors)
        vault.close()
        tills[number] = Till(folder, now_ms, os.urandom)
    running.cloud.publish_branch(
        *(device_of(one, name=f"Kasir {number}") for number, one in journals.items())
    )
    until(lambda: len(running.router.devices.all()) == 2)
    made = Branch(running, tills)
    made.introduce_router(1)
    folders = tuple(till.folder for till in tills.values())
    daemon = Daemon(DaemonSettings(folders, timer_ms=TIMER_MS), "test")
    thread = threading.Thread(target=daemon.run)
    thread.start()
    until(lambda: [made.via(number) for number in tills] == ["router", "router"])
    yield made
    daemon.stop()
    thread.join(5)
    for till in tills.values():
        till.close()


def test_a_cart_parked_at_one_till_is_taken_up_at_the_other_without_the_internet(
    branch: Branch, until: Until
) -> None:
    branch.running.cloud.down = True
    sale_id = branch.park(1, 100)
    until(lambda: branch.sees(2) == [("Meja 7", "Sari", "Kasir 1")])
    assert resume_cart(branch.tills[2], SARI, sale_id).sale_id == sale_id
    until(lambda: branch.gone(1) == ["Kasir 2"])
    assert branch.sees(2) == []
    with pytest.raises(ParkedElsewhere):
        resume_cart(branch.tills[1], SARI, sale_id)
    assert (branch.cart(1), branch.cart(2)) == (None, sale_id)


def test_a_cart_that_its_own_till_takes_back_leaves_the_board(branch: Branch, until: Until) -> None:
    sale_id = branch.park(1, 100)
    until(lambda: branch.sees(2) != [])
    resume_cart(branch.tills[1], SARI, sale_id)
    until(lambda: branch.sees(2) == [])
    assert branch.cart(1) == sale_id


def test_a_sale_of_one_till_is_given_back_at_the_other_once_without_the_internet(
    branch: Branch, until: Until
) -> None:
    branch.running.cloud.down = True
    one, two = branch.tills[1], branch.tills[2]
    sell(one.vault, one.identity)
    number = a_sale(1).receipt_number
    until(lambda: receipt_list(two, number).elsewhere is not None)
    open_shift(two, SARI, 0)
    open_shift(one, SARI, 0)
    sale_id = a_sale(1).sale_id
    assert [left.quantity_milli for left in refund_page(two, sale_id).left] == [1_000]

    def give_back(till: Till) -> str:
        return refund_sale(
            till, SARI, sale_id, [Wanted(1, 1_000)],
            refund_id=till.new_id(), reason="Rusak", approved_by=SARI.id,
        )  # fmt: skip

    done = give_back(two)
    with pytest.raises(RefundClaimed):
        give_back(one)
    until(lambda: [it.refund_id for it in refund_page(one, sale_id).earlier] == [done])
    assert refund_page(one, sale_id).left == ()


def test_what_one_till_sold_is_in_the_branchs_day_that_the_other_shows(
    branch: Branch, until: Until
) -> None:
    branch.running.cloud.down = True
    one, two = branch.tills[1], branch.tills[2]
    date = open_shift(two, SARI, 0).business_date
    coffee = an_id(600)
    line = replace(a_sale(1).lines[0], product_id=coffee)
    sale = replace(a_sale(1), business_date=date, lines=(line,))
    with one.book() as book:
        book.record(sale)

    def is_shown() -> bool:
        branch.running.router.streams.tell_branch("")  # Look now, and not with the timer.
        return branch_day(two, date).together.gross_sales == sale.total

    until(is_shown)
    assert [till.told.sums.sale_count for till in branch_day(two, date).tills] == [1, 0]
    moved = branch_moves(two, [coffee])
    assert moved is not None
    assert moved.products[coffee].sold_on_day_milli == 1_000


def test_while_the_router_is_gone_each_till_goes_on_and_it_hears_afterwards(
    branch: Branch, until: Until
) -> None:
    waits, own = branch.park(1, 100), branch.park(2, 101)
    until(lambda: branch.sees(2) != [] and branch.sees(1) != [])
    branch.running.stop()
    with pytest.raises(RouterSilent):
        resume_cart(branch.tills[2], SARI, waits)
    assert resume_cart(branch.tills[2], SARI, own).sale_id == own
    branch.running.start()
    branch.introduce_router(2)
    until(lambda: branch.sees(1) == [], 20.0)
    assert branch.sees(2) == [("Meja 7", "Sari", "Kasir 1")]
