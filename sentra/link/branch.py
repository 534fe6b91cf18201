"""What a till's daemon asks its router about what the branch shares, beside what the till asks."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from sentra.link.client import UNREADABLE, Link
from sentra.link.errors import LinkDown
from sentra.protocol.branch import (
    BOARD,
    ORDER_SETTLE,
    ORDERS,
    TOTALS,
    Board,
    BranchTotals,
    Offer,
    OrderWord,
)

_T = TypeVar("_T", bound=msgspec.Struct)


def board(link: Link) -> Board:
    """What waits in the branch. Raises LinkDown or LinkRefused, as all others do."""
    return _asked(link, BOARD, Board)


def totals(link: Link, business_date: str) -> BranchTotals:
    """What the branch sold on a day, as far as the router has counted."""
    return _asked(link, f"{TOTALS}?{urlencode({'date': business_date})}", BranchTotals)


def offer_order(link: Link, offer: Offer) -> None:
    """Offers a parked order to the branch; a second time it changes nothing."""
    link.ask(ORDERS, msgspec.json.encode(offer))


def settle_order(link: Link, parking_id: str) -> None:
    """Says that this till has the order, or took it back. Refused where another has it."""
    link.ask(ORDER_SETTLE, msgspec.json.encode(OrderWord(parking_id=parking_id)))


def _asked(link: Link, target: str, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(link.ask(target), type=shape)
    except UNREADABLE as error:
        raise LinkDown("unreadable", str(link.address), error) from error
