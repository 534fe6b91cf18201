"""The pills: green only on evidence, never because nothing was heard."""

from __future__ import annotations

from pos_shell.payment.actions import complete_sale
from pos_shell.sale import actions as sale
from pos_shell.sync.queries import SILENT_AFTER_MS, sync_state
from sentra.domain.payment import Offer
from sentra.events import Device
from sentra.vault import journal
from sentra.vault.state import LinkState, SyncStatus, put_sync_status
from tests.support.shop import BRANCH_ID, DEWI, Shop, an_id


def acknowledge(shop: Shop, name: str) -> None:
    with shop.till.vault.writer() as db:
        journal.set_watermark(db, name, journal.head(db), shop.clock(), None)


def sell(shop: Shop) -> None:
    cart = sale.scan(shop.till, DEWI, shop.tea.code)
    complete_sale(shop.till, DEWI, cart.sale_id, [Offer("cash", 5_000)])


def add_router(shop: Shop) -> None:
    router = Device(an_id(), "router", 1, "Router", "00" * 32)
    shop.publish(BRANCH_ID, ("device", router, router.id))


def test_a_new_till_is_neither_saved_nor_waiting(shop: Shop) -> None:
    state = sync_state(shop.till)
    assert (state.cloud.level, state.router) == ("nothing", None)
    assert state.daemon_silent


def test_reachable_links_are_no_evidence(open_shop: Shop) -> None:
    link = LinkState(reachable=True, last_ok_at_ms=open_shop.clock())
    with open_shop.till.vault.writer() as db:
        put_sync_status(db, SyncStatus(router=link, cloud=link, updated_at_ms=open_shop.clock()))
    state = sync_state(open_shop.till)
    assert (state.cloud.level, state.cloud.count, state.daemon_silent) == ("waiting", 1, False)


def test_each_level_counts_what_it_has_not_acknowledged_and_since_when(open_shop: Shop) -> None:
    add_router(open_shop)
    acknowledge(open_shop, "cloud")
    acknowledge(open_shop, "router")
    since = open_shop.clock()
    sell(open_shop)
    open_shop.clock.forward(seconds=90)
    sell(open_shop)
    acknowledge(open_shop, "router")
    state = sync_state(open_shop.till)
    assert state.router is not None
    assert state.router.level == "saved"
    assert (state.cloud.level, state.cloud.count) == ("waiting", 2)
    assert state.cloud.oldest_at_ms == since


def test_a_silent_daemon_is_said_to_be_silent(open_shop: Shop) -> None:
    with open_shop.till.vault.writer() as db:
        put_sync_status(db, SyncStatus(updated_at_ms=open_shop.clock()))
    open_shop.clock.forward(seconds=SILENT_AFTER_MS / 1000)
    assert not sync_state(open_shop.till).daemon_silent
    open_shop.clock.forward(seconds=1)
    assert sync_state(open_shop.till).daemon_silent
