"""How many sales wait for the cloud and what they are worth: segments decoded once, on demand.

Taking and forwarding never look into a segment's facts; only who looks at the page pays for it,
and only for segments that came in since the last look.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from router_agent.outbound import lane, store
from router_agent.outbound.store import WaitingSegment
from sentra.events import SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.errors import ProtocolError
from sentra.protocol.segment import peek

SEGMENTS_PER_LOOK_MAX = 1_000
"""Newly decoded at one look, some 50 ms; the rest at the next. Until then the sum says "more"."""

_Key = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is here and not in the cloud. `sales` and `amount` (minor units) are those of the main
    lines, exact unless `more`; `entries` are those of the fork lane too."""

    entries: int
    sales: int
    amount: int
    more: bool
    oldest_at_ms: int | None


class WaitingSums:
    """Remembers the sums of the segments that wait; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[_Key, tuple[int, int]] = {}

    def now(self, db: Any) -> Waiting:
        """Everything that waits now, read through this connection."""
        segments = store.waiting_segments(db)
        with self._lock:
            known: dict[_Key, tuple[int, int]] = {}
            left = SEGMENTS_PER_LOOK_MAX
            for segment in segments:
                key = (segment.terminal, segment.epoch, segment.last_seq, segment.covered_seq)
                if key not in self._sums and left > 0:
                    left -= 1
                    self._sums[key] = _sums_of(db, segment)
                if key in self._sums:
                    known[key] = self._sums[key]
            self._sums = known
        beside = lane.waits(db).values()
        since_ms = [s.received_at_ms for s in segments] + [one.oldest_at_ms for one in beside]
        in_line = sum(s.last_seq - max(s.first_seq - 1, s.covered_seq) for s in segments)
        return Waiting(
            entries=in_line + sum(one.entries for one in beside),
            sales=sum(sales for sales, _ in known.values()),
            amount=sum(amount for _, amount in known.values()),
            more=len(known) < len(segments),
            oldest_at_ms=min(since_ms, default=None),
        )


def _sums_of(db: Any, segment: WaitingSegment) -> tuple[int, int]:
    """(sales, minor units) of one segment, without what the cloud already has of it."""
    sales = amount = 0
    sealed = store.sealed_at(db, segment.terminal, segment.epoch, segment.last_seq)
    try:
        for seq, kind, schema, body in peek(sealed):
            if seq <= segment.covered_seq:
                continue
            try:
                fact = decode_fact(kind, schema, body)
            except (UnknownKind, BodyUnreadable):
                continue
            if isinstance(fact, SaleCompleted):
                sales, amount = sales + 1, amount + fact.total
    except ProtocolError:
        # A damaged disk: `sentra verify` names the place, the page goes on.
        return 0, 0
    return sales, amount
