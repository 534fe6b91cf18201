"""Tenders taken for a cart before it is settled: a charged card outlives a power cut, and waits
with its cart while others pay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sentra.domain.payment import Offer
from sentra.vault import state
from sentra.vault.driver import Connection

OFFERS: Final = "payment/offers-by-cart"

CARTS_MAX: Final = 60
"""Carts whose tenders are kept, the open one and those on hold; a voided one's go in their turn."""


def load_offers(db: Connection, sale_id: str) -> list[Offer]:
    """What was taken for this cart already; nothing of any other cart."""
    return msgspec.convert(_kept(db).get(sale_id, []), list[Offer])


def keep_offers(db: Connection, sale_id: str, offers: Sequence[Offer]) -> None:
    """Keep exactly these for this cart."""
    kept = {other: each for other, each in _kept(db).items() if other != sale_id}
    if offers:
        kept[sale_id] = list(offers)
    newest = dict(list(kept.items())[-CARTS_MAX:])
    state.put(db, OFFERS, newest or None)


def _kept(db: Connection) -> dict[str, object]:
    """By cart, the one that was touched last at the end."""
    return dict(state.get(db, OFFERS) or {})
