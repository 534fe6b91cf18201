"""The branch's totals and stock, from what the ledger wrote down and what the tills last said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import asdict

from router_agent.operations.sums import merge
from router_agent.outbound import day_totals, stock_moves, store
from router_agent.outbound.day_totals import Cursor
from router_agent.outbound.roll_call import Heard
from router_agent.parts import RouterParts
from sentra.events import Device
from sentra.protocol.branch import (
    BranchStock,
    BranchTotals,
    DaySums,
    ProductStock,
    ReadJournal,
    TerminalTotals,
)
from sentra.protocol.entry import EMPTY


def branch_totals(router: RouterParts, business_date: str) -> BranchTotals:
    """All terminals of the branch, those that were revoked where they sold that day."""
    together = DaySums()
    found: list[TerminalTotals] = []
    with router.vault.reader() as db:
        sold = day_totals.terminals_on(db, business_date)
        shown = [one for one in _terminals(router) if one.id in sold or not one.revoked]
        for journal in _journals(router, db, shown, business_date):
            sums = day_totals.sums_of(db, journal.terminal, business_date)
            merge(together, sums)
            found.append(TerminalTotals(sums=sums, **asdict(journal)))
    return BranchTotals(business_date=business_date, together=together, terminals=tuple(found))


def branch_stock(
    router: RouterParts, business_date: str, product_ids: Sequence[str]
) -> BranchStock:
    """Products as all journals of the branch moved them, those of revoked terminals too."""
    with router.vault.reader() as db:
        terminals = _terminals(router)
        journals = tuple(_journals(router, db, terminals, business_date))
        keeps_day = all(stock_moves.keeps_day(db, one.id, business_date) for one in terminals)
        is_whole = all(map(_is_wholly_read, journals))
        products = tuple(
            _product(db, one, business_date, keeps_day=keeps_day, is_whole=is_whole)
            for one in dict.fromkeys(product_ids)
        )
    return BranchStock(business_date=business_date, products=products, journals=journals)


def _product(
    db: Any, product_id: str, business_date: str, *, keeps_day: bool, is_whole: bool
) -> ProductStock:
    moves = stock_moves.moves_of(db, product_id, business_date)
    has_level = is_whole and moves.counts > 0
    return ProductStock(
        product=product_id,
        sold_on_day_milli=moves.sold_on_day_milli if keeps_day else None,
        sold_milli=moves.sold_milli,
        moved_milli=moves.moved_milli,
        level_milli=moves.moved_milli - moves.sold_milli if has_level else None,
    )


def _is_wholly_read(journal: ReadJournal) -> bool:
    """Whether nothing of it is elsewhere, as far as a router can know."""
    begun = (journal.begun_epoch, journal.begun_seq)
    missing = journal.behind + journal.unread
    return begun == (EMPTY.epoch, EMPTY.seq) and not missing and journal.heard_ms_ago is not None


def _terminals(router: RouterParts) -> list[Device]:
    """All that the branch ever had, in the order of their numbers."""
    devices = (one for one in router.devices.all() if one.role == "terminal")
    return sorted(devices, key=lambda device: device.number)


def _journals(
    router: RouterParts, db: Any, terminals: Iterable[Device], business_date: str
) -> Iterable[ReadJournal]:
    now_ms, heard = router.clock(), router.roll_call.all()
    for device in terminals:
        told = heard.get(device.id)
        read = day_totals.cursor_of(db, device.id) or day_totals.start_of(db, device.id)
        yield ReadJournal(
            terminal=device.id,
            terminal_name=device.name,
            begun_epoch=read.begun_epoch,
            begun_seq=read.begun_seq,
            epoch=read.epoch,
            seq=read.seq,
            behind=_behind(db, device.id, read, told),
            heard_ms_ago=None if told is None else max(0, now_ms - told.last_heard_at_ms),
            is_whole=read.has_whole(business_date),
            unread=read.unread,
        )


def _behind(db: Any, terminal: str, read: Cursor, told: Heard | None) -> int:
    """Entries that are here, or that their till said it has, and that were not read yet."""
    head = store.head_of(db, terminal)
    ends = [(head.epoch, head.seq)] + ([(told.epoch, told.seq)] if told else [])
    epoch, seq = max(ends)
    if epoch == read.epoch:
        return max(0, seq - read.seq)
    return seq if epoch > read.epoch else 0
