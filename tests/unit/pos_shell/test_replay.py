"""Replaying tickets: the tills' own actions, each ticket once, the file's sum to the minor unit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_shell.replay.lane import ShiftOfAPerson, offers_for
from pos_shell.replay.plan import plan_as_json
from pos_shell.replay.reader import read_tickets
from pos_shell.replay.run import CurrencyDiffers, Outcome, Replay, TillTwice
from pos_shell.replay.source import COLUMNS
from pos_shell.replay.tickets import Ticket, TicketLine
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_cart
from pos_shell.shift.queries import open_shift_of
from pos_shell.till import NotATerminal, Till
from sentra.domain.payment import settle
from sentra.domain.rounding import CashRounding
from sentra.events import SaleCompleted, ShiftClosed
from sentra.money import IDR
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.failures import AlreadyRunning
from sentra.vault.lock import hold
from tests.support.shop import DEVICE_ID, DEWI, Shop, an_id

HEADER = ",".join(COLUMNS)


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    return path


def row(number: str, at: str, code: str, quantity: str, price: str, payment: str = "cash") -> str:
    return f"{number},Sangatta,Kasir 1,{at},{code},{code} lama,{quantity},{price},{payment}"


def replay(shop: Shop, *rows: str) -> Outcome:
    """Replay into the shop's folder; its own till is closed first."""
    shop.till.close()
    file = write(shop.till.folder / "tickets.csv", *rows)
    with Replay([shop.till.folder], "IDR") as run:
        return run.run(read_tickets(file, IDR), lambda _done, _total: None)


def sales(shop: Shop) -> list[SaleCompleted]:
    with shop.till.vault.reader() as db:
        return [f for _e, f in journal.facts(db, DEVICE_ID) if isinstance(f, SaleCompleted)]


def test_tickets_become_sales_at_their_own_time_price_and_payment(shop: Shop) -> None:
    code = shop.tea.code
    outcome = replay(
        shop,
        row("T1", "2017-03-21T09:00:00", code, "2", "4000"),
        row("T1", "2017-03-21T09:00:00", "XX-1", "1", "999"),
        row("T2", "2017-03-21T10:30:00", "XX-1", "3", "1000", "qris"),
    )
    assert (outcome.recorded, outcome.lines, outcome.gross) == (2, 3, 11_999)
    first, second = sales(shop)
    assert (first.ticket, first.receipt_number) == ("T1", "SGT-1-170321-0001")
    assert first.completed_at_ms == 1_490_058_000_000  # 09:00 in WITA
    assert [(one.product_id, one.name, one.unit_price) for one in first.lines] == [
        (shop.tea.id, "Teh Botol 350 ml", 4000),
        (None, "XX-1 lama", 999),
    ]
    assert first.lines[0].price_overridden
    assert (first.goods_total, first.rounding) == (8_999, -99)
    assert [(one.kind, one.amount) for one in second.tenders] == [("qris", 3_000)]
    assert second.rounding == 0


def test_a_replayed_ticket_waits_since_the_replay_and_not_since_its_own_time(shop: Shop) -> None:
    began_ms = time.time_ns() // 1_000_000
    replay(shop, row("T1", "2017-03-21T09:00:00", "A", "1", "5000"))
    with shop.till.vault.reader() as db:
        waiting = journal.backlog(db, "cloud")
    assert waiting.count
    assert waiting.oldest_at_ms is not None
    assert began_ms <= waiting.oldest_at_ms <= time.time_ns() // 1_000_000


def test_each_business_date_has_its_shift_closed_without_a_difference(shop: Shop) -> None:
    replay(
        shop,
        row("T3", "2017-03-23T08:00:00", "A", "1", "5000"),
        row("T1", "2017-03-21T09:00:00", "A", "-1", "300000"),
        row("T2", "2017-03-21T23:59:59", "A", "1", "1000"),
    )
    with shop.till.vault.reader() as db:
        closed = [f for _e, f in journal.facts(db, DEVICE_ID) if isinstance(f, ShiftClosed)]
        assert open_shift_of(db, shop.till.identity) is None
    assert [(one.business_date, one.sale_count) for one in closed] == [
        ("2017-03-21", 2),
        ("2017-03-23", 1),
    ]
    assert closed[1].difference == 0


def test_a_second_replay_records_nothing_and_a_longer_file_only_the_rest(shop: Shop) -> None:
    rows = [row(f"T{n}", f"2017-03-21T09:{n:02d}:00", "A", "1", "1000") for n in range(5)]
    assert replay(shop, *rows[:3]).recorded == 3
    again = replay(shop, *rows)
    assert (again.recorded, again.skipped, again.gross) == (2, 3, 2_000)
    assert len(sales(shop)) == 5


def test_a_router_beside_its_tills_is_left_alone_and_one_that_is_named_is_refused(
    make: Callable[..., Shop], tmp_path: Path
) -> None:
    make("branch/till").till.close()
    Vault.create(tmp_path / "branch" / "router", "router").close()
    file = write(tmp_path / "tickets.csv", row("T1", "2017-03-21T09:00:00", "A", "1", "5000"))
    with Replay([tmp_path / "branch"], "IDR") as run:
        assert run.run(read_tickets(file, IDR), lambda _done, _total: None).recorded == 1
    with pytest.raises(NotATerminal), Replay([tmp_path / "branch" / "router"], "IDR"):
        pass


def test_returns_and_sales_mix_in_one_ticket(shop: Shop) -> None:
    replay(
        shop,
        row("T1", "2017-03-21T09:00:00", "A", "-2", "5000"),
        row("T1", "2017-03-21T09:00:00", "B", "1", "3000"),
    )
    [only] = sales(shop)
    assert (only.total, [one.amount for one in only.tenders]) == (-7_000, [-7_000])
    assert only.approved_by is not None


def test_a_name_and_a_code_that_are_both_missing_are_sold_under_a_neutral_word(shop: Shop) -> None:
    replay(shop, "T1,Sangatta,Kasir 1,2017-03-21T09:00:00,,,1,0,cash")
    [only] = sales(shop)
    assert only.lines[0].name in ("Barang", "Item")
    assert only.total == 0


def test_a_ticket_longer_than_a_receipt_becomes_several_sales(shop: Shop) -> None:
    outcome = replay(
        shop, *(row("T1", "2017-03-21T09:00:00", "A", "1", "100") for _ in range(1_001))
    )
    assert outcome.gross == 100_100
    assert [one.ticket for one in sales(shop)] == ["T1", "T1 (2)", "T1 (3)"]
    assert [one.cause.code for one in outcome.findings] == ["ticket-split"]


def test_a_terminal_without_a_till_is_reported_line_by_line(shop: Shop) -> None:
    outcome = replay(
        shop,
        row("T1", "2017-03-21T09:00:00", "A", "1", "100"),
        "T9,Kutai,Kasir 1,2017-03-21T09:00:00,A,A,1,100,cash",
        "T9,Kutai,Kasir 1,2017-03-21T09:00:00,B,B,1,100,cash",
    )
    assert outcome.recorded == 1
    assert [(one.line, one.cause.code, one.taken) for one in outcome.findings] == [
        (3, "ticket-till-missing", False),
        (4, "ticket-till-missing", False),
    ]


def test_names_are_matched_without_regard_to_case_and_blanks(shop: Shop) -> None:
    outcome = replay(shop, "T1, SANGATTA ,kasir  1,2017-03-21T09:00:00,A,A,1,100,cash")
    assert outcome.recorded == 1


def test_a_persons_shift_and_cart_are_not_touched(open_shop: Shop) -> None:
    cart = sale.scan(open_shop.till, DEWI, open_shop.tea.code)
    with pytest.raises(ShiftOfAPerson):
        replay(open_shop, row("T1", "2026-11-22T13:00:00", "A", "1", "100"))
    restarted = Till(open_shop.till.folder, open_shop.clock, open_shop.till.random_bytes)
    with restarted.vault.reader() as db:
        assert load_cart(db) == cart
        assert open_shift_of(db, restarted.identity) is not None
    restarted.close()


def test_a_replay_that_was_killed_goes_on_in_its_own_shift(shop: Shop) -> None:
    rows = [row(f"T{n}", f"2017-03-21T09:{n:02d}:00", "A", "1", "1000") for n in range(2)]
    killed = RuntimeError("killed")

    def stop(_done: int, _total: int) -> None:
        raise killed

    shop.till.close()
    read = read_tickets(write(shop.till.folder / "tickets.csv", *rows), IDR)
    with pytest.raises(RuntimeError), Replay([shop.till.folder], "IDR") as run:
        run.run(read, stop)
    outcome = replay(shop, *rows)
    assert (outcome.recorded, outcome.skipped) == (1, 1)
    assert {one.shift_id for one in sales(shop)} == {sales(shop)[0].shift_id}


def test_two_tills_in_folders_below_one_are_found_by_their_names(
    make: Callable[..., Shop], tmp_path: Path
) -> None:
    first = make("branches/a")
    second = make("branches/b", name="Kasir 2", number=2, device_id=an_id())
    first.till.close()
    second.till.close()
    file = write(
        tmp_path / "tickets.csv",
        row("T1", "2017-03-21T09:00:00", "A", "1", "100"),
        row("T1", "2017-03-21T09:00:00", "A", "1", "200").replace("Kasir 1", "Kasir 2"),
    )
    with Replay([tmp_path / "branches"], "IDR") as run:
        assert run.run(read_tickets(file, IDR), lambda _done, _total: None).gross == 300


def test_one_name_in_two_folders_another_currency_and_a_running_till_stop_the_replay(
    make: Callable[..., Shop], tmp_path: Path
) -> None:
    for name in ("tills/a", "tills/b"):
        make(name).till.close()
    with pytest.raises(TillTwice), Replay([tmp_path / "tills"], "IDR"):
        pass
    with pytest.raises(CurrencyDiffers), Replay([tmp_path / "tills" / "a"], "GBP"):
        pass
    with (
        hold(tmp_path / "tills" / "a", "till"),
        pytest.raises(AlreadyRunning),
        Replay([tmp_path / "tills" / "a"], "IDR"),
    ):
        pass


def test_the_plan_names_what_will_be_recorded(tmp_path: Path) -> None:
    file = write(
        tmp_path / "t.csv",
        row("T1", "2017-03-21T09:00:00", "A", "1", "100"),
        row("T1", "2017-03-21T09:00:00", "A", "x", "100"),
    )
    plan = plan_as_json(read_tickets(file, IDR), IDR)
    assert (plan["tickets"], plan["lines"], plan["gross"]) == (1, 1, "100")
    assert plan["rejected_lines"] == 1
    assert plan["ticket_keys"] == [["Sangatta", "Kasir 1", "T1"]]
    assert plan["terminals"] == [
        {"branch": "Sangatta", "terminal": "Kasir 1", "tickets": 1, "lines": 1, "gross": "100"}
    ]


def a_line(amount: int, payment: str) -> TicketLine:
    size = 1_000 if amount >= 0 else -1_000
    return TicketLine(2, "A", "A", size, abs(amount), amount, payment)


@given(
    amounts=st.lists(
        st.tuples(
            st.integers(-100_000, 100_000),
            st.sampled_from(["cash", "card", "qris", "transfer", "voucher"]),
        ),
        min_size=1,
        max_size=8,
    ),
    step=st.sampled_from([1, 50, 100, 500]),
    direction=st.sampled_from(["down", "up", "nearest"]),
)
def test_any_mix_of_payments_settles_its_ticket(
    amounts: list[tuple[int, str]], step: int, direction: str
) -> None:
    ticket = Ticket("T", "B", "K", "", tuple(a_line(*one) for one in amounts))
    rule = CashRounding(step, direction)
    settled = settle(ticket.gross, offers_for(ticket.gross, ticket, rule), rule)
    assert sum(one.amount for one in settled.tenders) == ticket.gross + settled.rounding


def test_a_replay_that_goes_on_waits_only_for_what_is_not_in_the_books(shop: Shop) -> None:
    rows = [row(f"T{n}", f"2017-03-21T09:{n:02d}:00", "A", "1", "1000") for n in range(30)]
    replay(shop, *rows[:-1])
    shop.till.close()
    file = write(shop.till.folder / "tickets.csv", *rows)
    began_s = time.monotonic()
    with Replay([shop.till.folder], "IDR") as run:
        outcome = run.run(read_tickets(file, IDR), lambda _done, _total: None, rate=1)
    assert (outcome.skipped, outcome.recorded) == (29, 1)
    assert time.monotonic() - began_s < 10
