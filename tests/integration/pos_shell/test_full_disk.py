"""A till whose disk is full, for real: no new sale, a clear sentence, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pos_shell.payment.actions import complete_sale
from pos_shell.sale import actions as sale
from pos_shell.sale.store import load_cart
from pos_shell.shift.actions import close_shift, open_shift
from pos_shell.shift.queries import open_shift_of
from sentra.domain.payment import Offer
from sentra.events import SaleCompleted, ShiftClosed
from sentra.vault import journal
from sentra.vault.connect import RESERVE_BYTES
from sentra.vault.failures import VaultFull
from tests.support.disks import SmallDisk, small_disk
from tests.support.shop import DEVICE_ID, DEWI, KEY, Shop, an_app, make_shop

__all__ = ["small_disk"]

NOTE = 10_000


@pytest.fixture
def shop(small_disk: SmallDisk) -> Iterator[Shop]:
    """Dewi has sold once on a till whose vault is on the small disk; its shift is open."""
    made = make_shop(small_disk.folder / "till")
    made.till.desk.person = DEWI
    open_shift(made.till, DEWI, 200_000)
    sell(made)
    yield made
    made.till.close()


def sell(shop: Shop) -> None:
    cart = sale.scan(shop.till, DEWI, shop.tea.code)
    complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", NOTE)])


def facts(shop: Shop, kind: type) -> int:
    """How many facts of a kind the journal holds, its chain checked on the way."""
    with shop.till.vault.reader() as db:
        assert journal.verify(db, shop.till.identity) == []
        return sum(isinstance(fact, kind) for _entry, fact in journal.facts(db, DEVICE_ID))


def test_no_sale_is_started_on_the_disks_reserve_and_the_screen_says_why(
    shop: Shop, small_disk: SmallDisk
) -> None:
    small_disk.fill(leave_bytes=RESERVE_BYTES // 4)
    with pytest.raises(VaultFull, match=r"8 MiB are left .* 32 MiB are needed"):
        sale.scan(shop.till, DEWI, shop.tea.code)
    client = an_app(shop).test_client()
    client.get(f"/?key={KEY}&lang=en")
    page = client.get(f"/sale/?q={shop.tea.code}&lang=en", follow_redirects=True)
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    told = client.post("/sale/lines", data={"product": shop.tea.id, "csrf_token": token})
    assert "The disk is full" in told.text
    assert "Traceback" not in told.text
    small_disk.free()
    sell(shop)
    assert facts(shop, SaleCompleted) == 2


def test_a_sale_in_progress_is_completed_and_the_shift_closed_on_the_reserve(
    shop: Shop, small_disk: SmallDisk
) -> None:
    cart = sale.scan(shop.till, DEWI, shop.tea.code)
    small_disk.fill(leave_bytes=RESERVE_BYTES // 4)
    sale.scan(shop.till, DEWI, shop.coffee.code)
    complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", NOTE)])
    close_shift(shop.till, DEWI, counted_cash=200_000)
    assert (facts(shop, SaleCompleted), facts(shop, ShiftClosed)) == (2, 1)


def test_without_one_free_byte_nothing_is_half_done_and_nothing_lost(
    shop: Shop, small_disk: SmallDisk
) -> None:
    cart = sale.scan(shop.till, DEWI, shop.tea.code)
    small_disk.fill()
    with pytest.raises(VaultFull, match="The disk is full"):
        # This one may still find room in the log; a next one is not begun whatever there is.
        complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", NOTE)])
        sale.scan(shop.till, DEWI, shop.tea.code)
    done = facts(shop, SaleCompleted)
    with shop.till.vault.reader() as db:
        assert open_shift_of(db, shop.till.identity) is not None
        kept = load_cart(db)
    assert (done, kept is None) in ((1, False), (2, True)), "completed whole or not at all"
    small_disk.free()
    if kept is not None:
        complete_sale(shop.till, DEWI, kept.sale_id, [Offer("cash", NOTE)])
    close_shift(shop.till, DEWI, counted_cash=200_000)
    assert (facts(shop, SaleCompleted), facts(shop, ShiftClosed)) == (2, 1)
