"""The branch's totals of a day, from what the ledger wrote down and what the tills last said."""

from __future__ import annotations

from typing import Any

from router_agent.operations.day_sums import merge
from router_agent.outbound import day_totals, store
from router_agent.outbound.day_totals import Cursor
from router_agent.outbound.roll_call import Heard
from router_agent.parts import RouterParts
from sentra.protocol.branch import BranchTotals, DaySums, TerminalTotals


def branch_totals(router: RouterParts, business_date: str) -> BranchTotals:
    """All terminals of the branch, those that were revoked where they sold that day."""
    now_ms, heard, names = router.clock(), router.roll_call.all(), _names(router)
    together = DaySums()
    found: list[TerminalTotals] = []
    with router.vault.reader() as db:
        sold = day_totals.terminals_on(db, business_date)
        shown = [one for one, (_, revoked) in names.items() if one in sold or not revoked]
        for terminal in [*shown, *sorted(sold - names.keys())]:
            name = names.get(terminal, ("", True))[0]
            told = heard.get(terminal)
            read = day_totals.cursor_of(db, terminal) or day_totals.start_of(db, terminal)
            sums = day_totals.sums_of(db, terminal, business_date)
            merge(together, sums)
            found.append(
                TerminalTotals(
                    terminal=terminal,
                    terminal_name=name,
                    sums=sums,
                    epoch=read.epoch,
                    seq=read.seq,
                    behind=_behind(db, terminal, read, told),
                    heard_ms_ago=None if told is None else max(0, now_ms - told.last_heard_at_ms),
                    is_whole=read.has_whole(business_date),
                    unread=read.unread,
                )
            )
    return BranchTotals(business_date=business_date, together=together, terminals=tuple(found))


def _names(router: RouterParts) -> dict[str, tuple[str, bool]]:
    """Name and whether it was revoked, by terminal, in the order of their numbers."""
    devices = sorted(router.devices.all(), key=lambda device: device.number)
    return {one.id: (one.name, one.revoked) for one in devices if one.role == "terminal"}


def _behind(db: Any, terminal: str, read: Cursor, told: Heard | None) -> int:
    """Entries that are here, or that their till said it has, and that are not counted yet."""
    head = store.head_of(db, terminal)
    ends = [(head.epoch, head.seq)] + ([(told.epoch, told.seq)] if told else [])
    epoch, seq = max(ends)
    if epoch == read.epoch:
        return max(0, seq - read.seq)
    return seq if epoch > read.epoch else 0
