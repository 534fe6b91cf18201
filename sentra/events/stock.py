"""What happened to goods outside a sale."""

from __future__ import annotations

import msgspec


class StockMoved(msgspec.Struct, frozen=True, gc=False):
    """Stock of one product changed by `quantity_milli` (signed thousandths).

    `kind` is receipt, count, adjustment, waste, transfer_out or transfer_in.
    """

    movement_id: str
    product_id: str
    code: str
    name: str
    kind: str
    quantity_milli: int
    person_id: str
    person_name: str
    moved_at_ms: int
    business_date: str
    reason: str
