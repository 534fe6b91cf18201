"""Carts on hold, kept in the vault beside the open one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from sentra.domain.cart import Cart
from sentra.vault import state
from sentra.vault.driver import Connection

PARKED: Final = "cart/parked"


@dataclass(frozen=True, slots=True)
class Parked:
    """A cart on hold: since when, by whom, and what the cashier wrote on it."""

    cart: Cart
    parked_at_ms: int
    parked_by: str
    label: str


def load_parked(db: Connection) -> list[Parked]:
    """Every cart on hold, oldest first."""
    return msgspec.convert(state.get(db, PARKED) or [], list[Parked])


def keep_parked(db: Connection, parked: Sequence[Parked]) -> None:
    """Keep exactly these on hold."""
    state.put(db, PARKED, list(parked) or None)
