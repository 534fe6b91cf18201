"""Reads of the carts on hold, here and at the other tills of the branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pos_shell.branch import router_listens
from pos_shell.sale.queries import rates_at
from pos_shell.till import Till
from sentra.domain.totals import total_up
from sentra.protocol.branch import OfferedOrder
from sentra.vault import sharing
from sentra.vault.sharing import Parked, load_parked


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A cart on hold here with its total in minor units.

    `gone_to` is the other till that has taken it up, None while it waits.
    """

    parked: Parked
    total: int
    gone_to: str | None = None


@dataclass(frozen=True, slots=True)
class BranchOrders:
    """The carts on hold at other tills, as the router showed them at `heard_at_ms`. `answers`: it
    does now."""

    orders: Sequence[OfferedOrder]
    heard_at_ms: int
    answers: bool


def parked_count(till: Till) -> int:
    """How many carts wait, here and in the branch."""
    with till.vault.reader() as db:
        gone = sharing.gone(db, till.identity.device_id)
        own = [one for one in load_parked(db) if one.parking_id not in gone]
        return len(own) + len(sharing.elsewhere(db))


def parked_rows(till: Till) -> Sequence[ParkedRow]:
    """Every cart on hold here, oldest first."""
    with till.vault.reader() as db:
        rates = rates_at(db, till.identity, till.clock())
        gone = sharing.gone(db, till.identity.device_id)
        return [
            ParkedRow(parked, total_up(parked.cart, rates).total, gone.get(parked.parking_id))
            for parked in load_parked(db)
        ]


def branch_orders(till: Till) -> BranchOrders | None:
    """What waits at the other tills; None where no router has ever told."""
    with till.vault.reader() as db:
        heard = sharing.heard_board(db)
        if heard is None:
            return None
        answers = router_listens(db, till.clock())
        return BranchOrders(sharing.elsewhere(db), heard.heard_at_ms, answers)
