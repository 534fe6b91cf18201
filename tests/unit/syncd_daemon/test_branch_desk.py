"""What a till's daemon carries to the router and back; an older router keeps nothing from going."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
import pytest

from sentra.domain.cart import add_open_item, open_cart
from sentra.events import ShiftOpened
from sentra.link.client import Link
from sentra.link.errors import LinkDown, LinkRefused
from sentra.protocol.branch import (
    BOARD,
    ORDER_SETTLE,
    ORDERS,
    TOTALS,
    Board,
    BranchTotals,
    DaySums,
    Offer,
    OfferedOrder,
    TerminalTotals,
)
from sentra.protocol.messages import Problem, problem_type
from sentra.vault import journal, sharing
from sentra.vault.database import Vault
from sentra.vault.sharing import Answer, Parked, Question
from syncd.daemon.inbound.branch_desk import BOARD_EVERY_MS, NOTED_EVERY_MS, BranchDesk
from tests.support.journals import DAY, START_MS, an_id
from tests.support.tills import BRANCH, a_till, an_identity


@dataclass
class Router:
    """The other end, by hand: it keeps what is offered until it is settled."""

    orders: dict[str, Offer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails: Callable[[], Exception] | None = None
    sales: int = 0
    heard_ms_ago: int = 0

    def totals(self, date: str) -> BranchTotals:
        sums = DaySums(sale_count=self.sales)
        one = TerminalTotals(
            terminal="1", terminal_name="1", sums=sums, begun_epoch=1, begun_seq=0,
            epoch=1, seq=self.sales, behind=0,
            heard_ms_ago=self.heard_ms_ago, is_whole=True, unread=0,
        )  # fmt: skip
        return BranchTotals(business_date=date, together=sums, terminals=(one,))

    def ask(self, target: str, body: bytes | None = None) -> bytes:
        self.asked.append(target)
        if self.fails is not None:
            raise self.fails()
        if target == ORDERS:
            offer = msgspec.json.decode(body or b"", type=Offer)
            self.orders[offer.parking_id] = offer
        elif target == ORDER_SETTLE:
            self.orders.pop(msgspec.json.decode(body or b"")["parking_id"], None)
        elif target == BOARD:
            names = set(OfferedOrder.__struct_fields__) - {"terminal", "terminal_name"}
            shown = tuple(
                OfferedOrder(
                    **{name: getattr(one, name) for name in names}, terminal="1", terminal_name="1"
                )
                for one in self.orders.values()
            )
            return msgspec.json.encode(Board(orders=shown))
        elif target.startswith(TOTALS):
            return msgspec.json.encode(self.totals(target.rpartition("=")[2]))
        return b"{}"


def refusal() -> LinkRefused:
    return LinkRefused("r:1", Problem(type=problem_type("not-found"), title="?", status=404))


def silence() -> LinkDown:
    return LinkDown("timeout", "r:1", "no answer")


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    made, _identity = a_till(tmp_path)
    yield made
    made.close()


class Desk:
    """The desk, its router and a clock for both purposes."""

    def __init__(self, vault: Vault) -> None:
        self.vault, self.router, self.now_ms = vault, Router(), START_MS
        self._desk = BranchDesk(vault, clock=lambda: self.now_ms, ticks=lambda: self.now_ms)
        self.wake, self.close = self._desk.wake, self._desk.close

    def turn(self) -> list[str]:
        """What one turn asked the router."""
        self.router.asked.clear()
        self._desk.take(cast(Link, self.router))
        return list(self.router.asked)

    def ask(self) -> str:
        with self.vault.writer() as db:
            sharing.ask(db, Question("q", "/v1/branch/sale", b"{}"), self.now_ms)
        return "q"

    def answer(self) -> Answer | None:
        with self.vault.reader() as db:
            return sharing.answer_to(db, "q")

    def park(self) -> Parked:
        cart = add_open_item(open_cart(an_id(1), BRANCH, "IDR", START_MS), "Kopi", 1, "NONE")
        parked = Parked(cart, START_MS, "Dewi", "", parking_id=an_id(2), total=1)
        with self.vault.writer() as db:
            sharing.keep_parked(db, [parked])
        return parked


@pytest.fixture
def desk(vault: Vault) -> Desk:
    return Desk(vault)


def test_an_order_is_offered_until_the_router_shows_it_and_then_no_more(desk: Desk) -> None:
    parked = desk.park()
    assert desk.turn() == [BOARD, ORDERS, BOARD]
    assert list(desk.router.orders) == [parked.parking_id]
    assert desk.turn() == []
    desk.router.orders.clear()  # A new router, whose store is empty.
    desk.wake()
    assert desk.turn() == [BOARD, ORDERS, BOARD]


def test_what_was_taken_up_is_said_once(desk: Desk) -> None:
    parked = desk.park()
    desk.turn()
    with desk.vault.writer() as db:
        sharing.keep_parked(db, [])
        sharing.note_taken(db, parked.parking_id)
    assert desk.turn() == [BOARD, ORDER_SETTLE, BOARD]
    with desk.vault.reader() as db:
        assert sharing.taken(db) == []
    assert desk.router.orders == {}


def test_the_board_is_looked_at_now_and_then_and_rarely_written_down(desk: Desk) -> None:
    desk.turn()
    first = desk.now_ms
    desk.now_ms += BOARD_EVERY_MS
    assert desk.turn() == [BOARD]
    with desk.vault.reader() as db:
        heard = sharing.heard_board(db)
    assert heard is not None
    assert heard.heard_at_ms == first
    desk.now_ms = first + NOTED_EVERY_MS
    desk.turn()
    with desk.vault.reader() as db:
        heard = sharing.heard_board(db)
    assert heard is not None
    assert heard.heard_at_ms == desk.now_ms


def test_the_totals_of_the_shifts_day_are_kept_and_rarely_written_down_anew(desk: Desk) -> None:
    assert desk.turn() == [BOARD]
    identity = an_identity()
    with desk.vault.writer() as db:
        opened = ShiftOpened(
            an_id(3), 1, an_id(4), "Dewi", "IDR", START_MS, DAY, "Asia/Makassar", 0
        )
        journal.append(db, identity, opened, START_MS)

    def later(ms: int) -> sharing.HeardTotals:
        desk.now_ms += ms
        assert desk.turn() == [BOARD, f"{TOTALS}?date={DAY}"]
        with desk.vault.reader() as db:
            heard = sharing.heard_totals(db, DAY)
            assert sharing.heard_totals(db, "2026-11-21") is None
        assert heard is not None
        return heard

    first = later(BOARD_EVERY_MS)
    assert first.heard_at_ms == desk.now_ms
    desk.router.heard_ms_ago = 700
    assert later(BOARD_EVERY_MS) == first
    desk.router.sales = 1
    assert later(BOARD_EVERY_MS).totals.together.sale_count == 1
    assert later(NOTED_EVERY_MS).heard_at_ms == desk.now_ms


def test_a_question_is_carried_and_its_answer_written_beside_it(desk: Desk) -> None:
    desk.ask()
    assert "/v1/branch/sale" in desk.turn()
    assert desk.answer() == Answer(None, b"{}")
    assert "/v1/branch/sale" not in desk.turn()


def test_an_older_router_refuses_what_it_does_not_know_and_keeps_nothing_back(desk: Desk) -> None:
    desk.router.fails = refusal
    desk.ask()
    desk.turn()
    assert desk.answer() == Answer("not-found")


def test_a_line_that_breaks_answers_the_till_and_ends_the_turn(desk: Desk) -> None:
    desk.router.fails = silence
    desk.ask()
    with pytest.raises(LinkDown):
        desk.turn()
    assert desk.answer() == Answer(sharing.SILENT)


def test_while_the_router_does_not_carry_a_till_hears_so_at_once(desk: Desk) -> None:
    desk.ask()
    desk.close()
    assert desk.answer() == Answer(sharing.SILENT)


def test_a_question_that_nobody_waits_for_any_more_is_not_asked(desk: Desk) -> None:
    desk.ask()
    desk.now_ms += sharing.QUESTION_KEPT_MS + 1
    assert "/v1/branch/sale" not in desk.turn()
