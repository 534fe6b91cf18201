"""Reads of the carts on hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pos_shell.parked.store import Parked, load_parked
from pos_shell.sale.queries import rates_at
from pos_shell.till import Till
from sentra.domain.totals import total_up


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A cart on hold with its total in minor units."""

    parked: Parked
    total: int


def parked_count(till: Till) -> int:
    """How many carts are on hold."""
    with till.vault.reader() as db:
        return len(load_parked(db))


def parked_rows(till: Till) -> Sequence[ParkedRow]:
    """Every cart on hold, oldest first."""
    with till.vault.reader() as db:
        rates = rates_at(db, till.identity, till.clock())
        return [ParkedRow(parked, total_up(parked.cart, rates).total) for parked in load_parked(db)]
