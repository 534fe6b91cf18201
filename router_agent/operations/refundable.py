"""How much of a sale's lines can still be given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sentra.events import RefundCompleted, SaleCompleted


def left_of(
    sale: SaleCompleted, refunds: Sequence[RefundCompleted], claims: Iterable[Mapping[int, int]]
) -> dict[int, int]:
    """Thousandths by position: what was sold, less what came back and what is claimed."""
    left = {line.position: line.quantity_milli for line in sale.lines if line.quantity_milli > 0}
    for refund in refunds:
        for line in refund.lines:
            left[line.original_position] = left.get(line.original_position, 0) - line.quantity_milli
    for claim in claims:
        for position, quantity_milli in claim.items():
            left[position] = left.get(position, 0) - quantity_milli
    return left
