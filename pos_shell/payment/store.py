"""Tenders taken for the open cart before it is settled: a charged card outlives a power cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sentra.domain.payment import Offer
from sentra.vault import state
from sentra.vault.driver import Connection

OFFERS: Final = "payment/offers"


def load_offers(db: Connection, sale_id: str) -> list[Offer]:
    """What was taken for this cart already; nothing of any other cart."""
    kept = state.get(db, OFFERS)
    if kept is None or kept[0] != sale_id:
        return []
    return msgspec.convert(kept[1], list[Offer])


def keep_offers(db: Connection, sale_id: str, offers: Sequence[Offer]) -> None:
    """Keep exactly these for this cart."""
    state.put(db, OFFERS, [sale_id, list(offers)] if offers else None)
