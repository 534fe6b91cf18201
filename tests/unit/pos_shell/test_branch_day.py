"""What the whole branch sold, beside the X report: from the vault alone, and true about its age."""

from __future__ import annotations

from flask.testing import FlaskClient

from pos_shell.branch import SILENT_TILL_MS
from pos_shell.shift.branch_day import branch_day
from pos_shell.shift.queries import open_shift_of
from sentra.protocol.branch import BranchTotals, DaySums
from sentra.vault import sharing
from tests.support.router_talk import hear
from tests.support.sharing import day_totals, terminal_totals
from tests.support.shop import DEVICE_ID, DEWI, KEY, RUDI, RUDI_PIN, Shop, an_app

OTHER = "0190a000-0000-7000-8000-00000000d002"
THIRD = "0190a000-0000-7000-8000-00000000d003"


def today(shop: Shop) -> str:
    with shop.till.vault.reader() as db:
        shift = open_shift_of(db, shop.till.identity)
    assert shift is not None
    return shift.business_date


def tell(shop: Shop, date: str | None = None, **changes: object) -> BranchTotals:
    """The router told of two tills that sold, and of one that it never heard."""
    tills = (
        terminal_totals(DEVICE_ID, "Kasir 1", 3),
        terminal_totals(OTHER, "Kasir 2", 5, **changes),
        terminal_totals(THIRD, "Kasir 3", 0, heard_ms_ago=None),
    )
    together = DaySums(sale_count=8, gross_sales=360_000, goods_total=360_000, total=360_000)
    told = day_totals(date or today(shop), together, *tills)
    with shop.till.vault.writer() as db:
        sharing.put_totals(db, told, shop.clock())
    return told


def test_it_is_what_the_router_told_last_and_when(open_shop: Shop) -> None:
    hear(open_shop)
    told, told_at_ms = tell(open_shop), open_shop.clock()
    open_shop.clock.forward(seconds=5)
    day = branch_day(open_shop.till, today(open_shop))
    assert (day.together, day.heard_at_ms, day.answers) == (told.together, told_at_ms, True)
    assert [till.is_own for till in day.tills] == [True, False, False]
    assert [till.never_heard for till in day.tills] == [False, False, True]
    assert [till.silent_since_ms for till in day.tills] == [None, None, None]


def test_a_till_that_the_router_does_not_hear_is_shown_since_when(open_shop: Shop) -> None:
    hear(open_shop)
    tell(open_shop, heard_ms_ago=SILENT_TILL_MS + 1)
    since_ms = branch_day(open_shop.till, today(open_shop)).tills[1].silent_since_ms
    assert since_ms == open_shop.clock() - SILENT_TILL_MS - 1


def test_another_days_totals_are_not_this_days(open_shop: Shop) -> None:
    hear(open_shop)
    tell(open_shop, "2026-11-21")
    day = branch_day(open_shop.till, today(open_shop))
    assert (day.heard_at_ms, day.tills, day.answers) == (None, (), True)


def test_without_the_router_the_last_word_stays_with_its_age(open_shop: Shop) -> None:
    hear(open_shop)
    tell(open_shop)
    open_shop.clock.forward(seconds=3_600)
    day = branch_day(open_shop.till, today(open_shop))
    assert (day.answers, len(day.tills)) == (False, 3)


def report(shop: Shop, client: FlaskClient) -> str:
    form = {"approver": RUDI.id, "approver_pin": RUDI_PIN}
    return client.post("/shift/report", data=form).get_data(as_text=True)


def a_client(shop: Shop) -> FlaskClient:
    app = an_app(shop)
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.get(f"/?key={KEY}&lang=en")
    return client


def test_the_x_report_shows_the_whole_branch_to_whom_it_shows_the_drawer(open_shop: Shop) -> None:
    hear(open_shop)
    tell(open_shop, behind=12, unread=1, is_whole=False, heard_ms_ago=540_000)
    client = a_client(open_shop)
    open_shop.till.desk.person = DEWI
    assert "Kasir 2" not in client.get("/shift/report").get_data(as_text=True)
    shown = report(open_shop, client)
    for words in (
        "Whole branch", "Kasir 2", "5 sales", "up to entry 6", "this till", "360,000",
        "last heard 9",
            "12 entries not counted yet", "1 entry cannot be read", "a part of the day",
            "does not know what was sold before",
        "never heard by the router",
    ):  # fmt: skip
        assert words in shown, words
    assert "The router does not answer" not in shown
    open_shop.clock.forward(seconds=3_600)
    assert "The router does not answer" in report(open_shop, client)


def test_where_no_router_ever_told_the_report_says_whose_sums_it_shows(open_shop: Shop) -> None:
    shown = report(open_shop, a_client(open_shop))
    assert "The router does not answer" in shown
    assert "The sums above are of this till alone." in shown
    hear(open_shop)
    assert "nothing of this day yet" in report(open_shop, a_client(open_shop))
