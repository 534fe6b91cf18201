"""The open cart in the vault: kept at each change, so that a restart offers it again."""

from __future__ import annotations

from typing import Final

import msgspec

from sentra.domain.cart import Cart
from sentra.vault import state
from sentra.vault.driver import Connection

OPEN_CART: Final = "cart/open"
APPROVAL: Final = "cart/approval"


def load_cart(db: Connection) -> Cart | None:
    """The open cart, or None."""
    kept = state.get(db, OPEN_CART)
    return None if kept is None else msgspec.convert(kept, Cart)


def keep_cart(db: Connection, cart: Cart | None) -> None:
    """Keep the cart as it is now; None: there is none any more."""
    state.put(db, OPEN_CART, cart)


def keep_approval(db: Connection, sale_id: str, person_id: str) -> None:
    """Remember who approved a return in this cart, until it is paid."""
    state.put(db, APPROVAL, [sale_id, person_id])


def load_approval(db: Connection, sale_id: str) -> str | None:
    """Who approved a return in this cart, or None."""
    kept = state.get(db, APPROVAL)
    return str(kept[1]) if kept is not None and kept[0] == sale_id else None
