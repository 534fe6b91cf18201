"""Parked orders as tills offer them."""

from __future__ import annotations

import msgspec

from sentra.protocol.branch import Offer
from tests.support.journals import START_MS, an_id


def an_offer(number: int = 1, **changes: object) -> Offer:
    """Table `number`'s order: three lines for Rp 45.000."""
    values: dict[str, object] = {
        "parking_id": an_id(500_000 + number),
        "sale_id": an_id(600_000 + number),
        "parked_at_ms": START_MS + number,
        "parked_by": "Dewi",
        "label": f"Meja {number}",
        "first": "Kopi",
        "line_count": 3,
        "total": 45_000,
        "currency": "IDR",
        "cart": msgspec.Raw(b'{"lines":[],"sale_id":"%d"}' % number),
    }
    return Offer(**(values | changes))  # type: ignore[arg-type]  # the tests' own names
