"""What the whole branch sold on a day, as the router told this till last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pos_shell.branch import SILENT_TILL_MS, router_listens
from pos_shell.till import Till
from sentra.protocol.branch import DaySums, TerminalTotals
from sentra.vault import sharing


@dataclass(frozen=True, slots=True)
class TillDay:
    """One till of the branch. `silent_since_ms`: None while the router hears it.

    `never_heard`: the router knows the till by name alone.
    """

    told: TerminalTotals
    is_own: bool
    silent_since_ms: int | None
    never_heard: bool


@dataclass(frozen=True, slots=True)
class BranchDay:
    """The branch's sums, `heard_at_ms` by this till's clock; `tills` is empty and it None where
    the router has told nothing of the day. `answers`: it does now."""

    together: DaySums
    tills: Sequence[TillDay]
    heard_at_ms: int | None
    answers: bool

    @property
    def is_part(self) -> bool:
        """Whether of some till only a part of the day is known."""
        return any(not till.told.is_whole for till in self.tills)


def branch_day(till: Till, business_date: str) -> BranchDay:
    """From the vault alone: no screen waits for the network."""
    with till.vault.reader() as db:
        heard = sharing.heard_totals(db, business_date)
        answers = router_listens(db, till.clock())
    if heard is None:
        return BranchDay(DaySums(), (), None, answers)
    own = till.identity.device_id
    tills = [_till(one, own, heard.heard_at_ms) for one in heard.totals.terminals]
    return BranchDay(heard.totals.together, tills, heard.heard_at_ms, answers)


def _till(told: TerminalTotals, own: str, heard_at_ms: int) -> TillDay:
    ago_ms = told.heard_ms_ago
    is_silent = ago_ms is not None and ago_ms > SILENT_TILL_MS
    since_ms = heard_at_ms - ago_ms if is_silent and ago_ms is not None else None
    return TillDay(told, told.terminal == own, since_ms, ago_ms is None)
