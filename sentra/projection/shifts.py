"""Adds each shift up again, to compare it with what its till wrote when it was closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sentra.events import (
    Fact,
    RefundCompleted,
    SaleCompleted,
    SaleVoided,
    ShiftClosed,
    ShiftOpened,
)

CASH: Final = "cash"

SHIFTS_OPEN_MAX: Final = 10_000
"""Shifts that are added up at once. Those never closed stay: more than this is no shop."""


@dataclass(slots=True)
class _Shift:
    sales: int = 0
    refunds: int = 0
    voids: int = 0
    total: int = 0
    rounding: int = 0
    tenders: Counter[str] = field(default_factory=Counter)
    opened: bool = False


class ShiftSums:
    """The shifts of one terminal, while its journal is read in order.

    `whole`: from its first entry on. Of a journal whose beginning was dropped, a shift is compared
    only where its opening was read.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._shifts: dict[str, _Shift] = {}
        self._counted: set[tuple[type[Fact], str]] = set()
        self._whole = whole

    def add(
        self, fact: Fact, epoch: int, hash_before: bytes
    ) -> Iterator[tuple[str, object, object]]:
        """Count a fact in; at a close, (name, what the till said, what its journal says) of each
        sum that differs. `hash_before` is of the entry before the fact's.

        A close that a restored till recorded again in a later epoch was said of a line that the
        journal has left, and is not compared. A sale that such a till sold a second time is
        counted once, as its rows are: in the shift of the first.
        """
        if isinstance(fact, ShiftOpened):
            self._shifts.setdefault(fact.shift_id, _Shift()).opened = True
        elif isinstance(fact, ShiftClosed):
            shift = self._shifts.pop(fact.shift_id, _Shift())
            if not (self._whole or shift.opened):
                return
            if epoch == 1 or fact.last_hash == hash_before.hex():
                yield from _differences(fact, shift, hash_before)
        elif isinstance(fact, SaleCompleted | RefundCompleted | SaleVoided) and (
            fact.shift_id in self._shifts or len(self._shifts) < SHIFTS_OPEN_MAX
        ):
            key = type(fact), fact.refund_id if isinstance(fact, RefundCompleted) else fact.sale_id
            if key not in self._counted:
                self._counted.add(key)
                _count(self._shifts.setdefault(fact.shift_id, _Shift()), fact)


def _count(shift: _Shift, fact: SaleCompleted | RefundCompleted | SaleVoided) -> None:
    if isinstance(fact, SaleVoided):
        shift.voids += 1
        return
    sign = 1 if isinstance(fact, SaleCompleted) else -1
    shift.sales += isinstance(fact, SaleCompleted)
    shift.refunds += isinstance(fact, RefundCompleted)
    shift.total += sign * fact.total
    shift.rounding += sign * fact.rounding
    for tender in fact.tenders:
        shift.tenders[tender.kind] += sign * tender.amount


def _differences(
    closed: ShiftClosed, shift: _Shift, hash_before: bytes
) -> Iterator[tuple[str, object, object]]:
    """The drawer's cash has its own float, and is left to the drawer's difference."""
    said = {one.kind: one.expected for one in closed.tenders if one.kind != CASH}
    pairs: dict[str, tuple[object, object]] = {
        "sale_count": (closed.sale_count, shift.sales),
        "refund_count": (closed.refund_count, shift.refunds),
        "void_count": (closed.void_count, shift.voids),
        "total": (closed.total, shift.total),
        "rounding": (closed.rounding, shift.rounding),
        "last_hash": (closed.last_hash, hash_before.hex()),
        **{
            f"tender {kind}": (said.get(kind, 0), shift.tenders[kind])
            for kind in sorted({*said, *shift.tenders} - {CASH})
        },
    }
    for name, (till, journal) in pairs.items():
        if till != journal:
            yield name, till, journal
