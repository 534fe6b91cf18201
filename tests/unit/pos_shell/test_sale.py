"""The open cart: what a cashier does to it, and what survives a power cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pos_shell.payment.actions import complete_sale
from pos_shell.receipt.facts import recorded
from pos_shell.sale import actions
from pos_shell.sale.actions import LineChange, ProductUnknown
from pos_shell.sale.queries import cart_view, shelf
from pos_shell.sale.store import load_cart
from pos_shell.shift.queries import ShiftNotOpen
from pos_shell.till import Till
from sentra.domain.cart import ONE, Cart
from sentra.domain.checkout import CartEmpty
from sentra.domain.discount import Discount
from sentra.domain.errors import ApprovalNeeded, ReasonMissing
from sentra.domain.payment import Offer
from sentra.events import Price, SaleVoided
from sentra.protocol.feed import COMPANY
from sentra.vault.failures import VaultFull
from tests.support.shop import DEWI, RUDI, Shop


def cart_of(till: Till) -> Cart | None:
    with till.vault.reader() as db:
        return load_cart(db)


def test_a_scan_needs_an_open_shift(shop: Shop) -> None:
    with pytest.raises(ShiftNotOpen):
        actions.scan(shop.till, DEWI, shop.tea.barcodes[0])
    assert cart_of(shop.till) is None


def test_a_barcode_and_a_code_sell_the_same_product(open_shop: Shop) -> None:
    till = open_shop.till
    actions.scan(till, DEWI, open_shop.tea.barcodes[0])
    cart = actions.scan(till, DEWI, open_shop.tea.code.lower())
    assert [(line.name, line.quantity_milli) for line in cart.lines] == [("Teh Botol 350 ml", 2000)]


def test_an_unknown_code_leaves_the_cart_as_it_was(open_shop: Shop) -> None:
    before = actions.scan(open_shop.till, DEWI, open_shop.tea.code)
    with pytest.raises(ProductUnknown):
        actions.scan(open_shop.till, DEWI, "0000000000000")
    assert cart_of(open_shop.till) == before


def test_the_open_cart_is_in_the_vault_after_each_change(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    cart = actions.step_quantity(till, cart.lines[0].number, 2)
    cart = actions.note_cart(till, "diantar")
    restarted = Till(till.folder, open_shop.clock, till.random_bytes)
    assert cart_of(restarted) == cart
    assert cart_view(restarted).rows[0].line.quantity_milli == 3000
    restarted.close()


def test_taking_the_last_piece_out_ends_the_cart(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    actions.step_quantity(till, cart.lines[0].number, -1)
    assert cart_of(till) is None
    with pytest.raises(CartEmpty):
        actions.note_cart(till, "x")


def test_a_cart_keeps_the_prices_it_was_opened_with_until_it_is_refreshed(open_shop: Shop) -> None:
    till, tea = open_shop.till, open_shop.tea
    actions.scan(till, DEWI, tea.code)
    dearer = replace(tea, prices=(Price(5000),))
    open_shop.publish(COMPANY, ("product", dearer, tea.id))
    view = cart_view(till)
    assert view.totals is not None
    assert (view.totals.total, view.prices_moved) == (4500, True)
    actions.refresh_prices(till)
    view = cart_view(till)
    assert view.totals is not None
    assert (view.totals.total, view.prices_moved) == (5000, False)


def test_a_price_that_starts_at_midnight_holds_for_the_cart_opened_after_it(
    open_shop: Shop,
) -> None:
    till, clock, tea = open_shop.till, open_shop.clock, open_shop.tea
    later = Price(5200, from_ms=clock() + 60_000)
    open_shop.publish(COMPANY, ("product", replace(tea, prices=(Price(4500), later)), tea.id))
    first = actions.scan(till, DEWI, tea.code)
    clock.forward(seconds=61)
    again = actions.scan(till, DEWI, tea.code)
    assert [line.unit_price for line in again.lines] == [4500]
    complete_sale(till, DEWI, first.sale_id, [Offer("cash", 9_000)])
    assert actions.scan(till, DEWI, tea.code).lines[0].unit_price == 5200


def test_a_return_without_its_sale_needs_a_supervisor(open_shop: Shop) -> None:
    till, tea = open_shop.till, open_shop.tea
    with pytest.raises(ApprovalNeeded):
        actions.add_product(till, DEWI, tea.id, -ONE)
    cart = actions.add_product(till, DEWI, tea.id, -ONE, approved_by=RUDI.id)
    complete_sale(till, DEWI, cart.sale_id)
    with till.vault.reader() as db:
        _entry, sale = recorded(db, till.identity, cart.sale_id)
    assert (sale.total, sale.approved_by) == (-4500, RUDI.id)


def test_a_sold_line_becomes_a_return_only_with_a_supervisor(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    change = LineChange(-2000, 4500, None, "")
    with pytest.raises(ApprovalNeeded):
        actions.change_line(till, cart.lines[0].number, change)
    changed = actions.change_line(till, cart.lines[0].number, change, approved_by=RUDI.id)
    assert changed.lines[0].quantity_milli == -2000


def test_changing_a_line_changes_all_of_it_or_nothing(open_shop: Shop) -> None:
    till = open_shop.till
    before = actions.scan(till, DEWI, open_shop.tea.code)
    number = before.lines[0].number
    with pytest.raises(Exception, match="discount is larger"):
        actions.change_line(till, number, LineChange(2000, 4000, Discount(amount=9_000), "x"))
    assert cart_of(till) == before
    change = LineChange(2000, 4000, Discount(permyriad=1000), "dingin")
    line = actions.change_line(till, number, change).lines[0]
    assert (line.quantity_milli, line.unit_price, line.price_overridden) == (2000, 4000, True)
    view = cart_view(till)
    assert view.totals is not None
    assert (view.rows[0].off, view.totals.total) == (800, 7200)


def test_an_unchanged_price_stays_the_catalogues(open_shop: Shop) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    line = actions.change_line(till, cart.lines[0].number, LineChange(2000, 4500, None, "")).lines[
        0
    ]
    assert not line.price_overridden


def test_an_open_item_carries_the_ordinary_tax(open_shop: Shop) -> None:
    cart = actions.add_open_item(open_shop.till, DEWI, "Es batu", 2_500)
    assert (cart.lines[0].product_id, cart.lines[0].tax_code) == (None, "PPN")


def test_a_voided_cart_burns_a_number_and_says_why(open_shop: Shop) -> None:
    till = open_shop.till
    actions.scan(till, DEWI, open_shop.tea.code)
    with pytest.raises(ReasonMissing):
        actions.void_cart(till, DEWI, " ")
    voided = actions.void_cart(till, DEWI, "Salah pelanggan")
    assert isinstance(voided, SaleVoided)
    assert voided.receipt_number == "SGT-1-261122-0001"
    assert cart_of(till) is None
    with till.vault.reader() as db:
        assert db.execute("SELECT reason, total FROM void").fetchall() == [
            ("Salah pelanggan", 4500)
        ]


def test_a_cart_above_the_limit_is_voided_only_with_a_supervisor(open_shop: Shop) -> None:
    till = open_shop.till
    actions.add_product(till, DEWI, open_shop.tea.id, 12_000)
    with pytest.raises(ApprovalNeeded):
        actions.void_cart(till, DEWI, "Salah")
    voided = actions.void_cart(till, DEWI, "Salah", approved_by=RUDI.id)
    assert voided.approved_by == RUDI.id
    assert voided.receipt_number == "SGT-1-261122-0001"


def test_a_full_disk_refuses_to_start_a_sale_and_finishes_the_open_one(
    open_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = open_shop.till
    cart = actions.scan(till, DEWI, open_shop.tea.code)
    real = till.vault.require_room
    monkeypatch.setattr(till.vault, "require_room", lambda: real(reserve_bytes=2**62))
    cart = actions.scan(till, DEWI, open_shop.coffee.code)
    complete_sale(till, DEWI, cart.sale_id, [Offer("cash", 10_000)])
    with pytest.raises(VaultFull, match="disk is full"):
        actions.scan(till, DEWI, open_shop.tea.code)


def test_the_shelf_shows_favourites_a_category_and_what_a_search_finds(open_shop: Shop) -> None:
    till, tea = open_shop.till, open_shop.tea
    assert [tile.product.name for tile in shelf(till).tiles] == [
        "Kopiko 78 °C Mocharetta",
        "Teh Botol 350 ml",
    ]
    assert shelf(till).chosen == ""
    assert [tile.price for tile in shelf(till, tea.category_id).tiles] == [4550, 4500]
    assert [tile.product.name for tile in shelf(till, asked="tel aya").tiles] == [
        "Telur ayam (timbang)"
    ]
    assert shelf(till, asked="zzzz").tiles == []
