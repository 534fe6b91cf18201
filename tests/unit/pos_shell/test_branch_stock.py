"""A price check tells what the whole branch moved, where the router answers, and no more than it
knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from flask.testing import FlaskClient

from pos_shell.branch import SILENT_TILL_MS
from pos_shell.sale.branch_stock import branch_moves
from pos_shell.shift.actions import open_shift
from sentra.protocol.branch import STOCK, BranchStock, ProductStock, ReadJournal
from sentra.vault import sharing
from sentra.vault.sharing import Answer, Question
from tests.support.router_talk import answering, hear
from tests.support.shop import DEVICE_ID, DEWI, KEY, Shop, an_app


def telling(
    shop: Shop, *, level_milli: int | None = None, **changes: object
) -> Callable[[Question], Answer]:
    """Five teas were sold today; what of another till's journal was read changes so."""
    values: dict[str, object] = {
        "terminal": DEVICE_ID, "terminal_name": "Kasir 1", "begun_epoch": 1, "begun_seq": 0,
        "epoch": 1, "seq": 9, "behind": 0, "heard_ms_ago": 0, "is_whole": True, "unread": 0,
    }  # fmt: skip
    journals = (
        msgspec.convert(values, ReadJournal),
        msgspec.convert(values | changes, ReadJournal),
    )
    tea = ProductStock(
        product=shop.tea.id, sold_on_day_milli=5_000, sold_milli=80_000, moved_milli=0,
        level_milli=level_milli,
    )  # fmt: skip
    told = BranchStock(business_date="2026-11-22", products=(tea,), journals=journals)
    return lambda _question: Answer(None, msgspec.json.encode(told))


def test_the_router_is_asked_about_the_shifts_day(open_shop: Shop) -> None:
    hear(open_shop)
    asked = answering(open_shop, telling(open_shop))
    moved = branch_moves(open_shop.till, [open_shop.tea.id, open_shop.coffee.id])
    assert moved is not None
    assert moved.is_current
    assert moved.products[open_shop.tea.id].sold_on_day_milli == 5_000
    [question] = asked
    address = urlsplit(question.target)
    assert (address.path, question.body) == (STOCK, b"")
    assert parse_qs(address.query) == {
        "date": ["2026-11-22"], "product": [open_shop.tea.id, open_shop.coffee.id],
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"behind": 1},
        {"unread": 1},
        {"is_whole": False},
        {"heard_ms_ago": None},
        {"heard_ms_ago": SILENT_TILL_MS + 1},
    ],
    ids=str,
)
def test_a_till_that_is_not_read_to_its_end_may_have_sold_more(
    open_shop: Shop, change: dict[str, Any]
) -> None:
    hear(open_shop)
    answering(open_shop, telling(open_shop, **change))
    moved = branch_moves(open_shop.till, [open_shop.tea.id])
    assert moved is not None
    assert not moved.is_current


def test_nobody_is_asked_without_a_shift_a_product_or_a_router(shop: Shop) -> None:
    asked = answering(shop, telling(shop))
    hear(shop)
    assert branch_moves(shop.till, [shop.tea.id]) is None
    open_shift(shop.till, DEWI, 0)
    assert branch_moves(shop.till, []) is None
    shop.clock.forward(seconds=60)
    assert branch_moves(shop.till, [shop.tea.id]) is None
    assert asked == []


@pytest.mark.parametrize(
    "said", [None, Answer(sharing.SILENT), Answer("not-found")], ids=["late", "away", "older"]
)
def test_a_router_that_does_not_tell_leaves_the_price_alone(
    open_shop: Shop, said: Answer | None
) -> None:
    hear(open_shop)
    answering(open_shop, lambda _question: said)
    shown = check(open_shop)
    assert "Teh Botol" in shown
    assert "branch" not in shown


def check(shop: Shop) -> str:
    client: FlaskClient = an_app(shop).test_client()
    client.get(f"/?key={KEY}&lang=en")
    address = f"/sale/price-check?check={shop.tea.code}"
    return client.get(address, headers={"HX-Request": "true"}).get_data(as_text=True)


def test_a_price_check_says_what_was_sold_and_a_level_only_where_there_is_one(
    open_shop: Shop,
) -> None:
    hear(open_shop)
    answering(open_shop, telling(open_shop))
    shown = check(open_shop)
    assert "Sold in the branch today: 5 Pcs" in shown
    assert "In the branch:" not in shown
    assert "may have sold more" not in shown
    answering(open_shop, telling(open_shop, level_milli=12_000, heard_ms_ago=SILENT_TILL_MS + 1))
    shown = check(open_shop)
    assert "In the branch: 12 Pcs" in shown
    assert "may have sold more" in shown


def test_the_way_of_a_sale_asks_nobody(open_shop: Shop) -> None:
    hear(open_shop)
    asked = answering(open_shop, telling(open_shop))
    client = an_app(open_shop).test_client()
    client.get(f"/?key={KEY}")
    for path in ("/sale/", "/sale/shelf?q=teh", "/sale/price-check"):
        assert client.get(path, headers={"HX-Request": "true"}).status_code == 200
    assert asked == []
