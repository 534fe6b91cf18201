"""What the cloud does not have yet: in the journals' lines and in the fork lane beside them.

Every function runs on a raw connection of the router's vault; nothing here commits.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from router_agent.outbound import lane, store


def waiting(db: Any) -> Counter[str]:
    """By terminal, how many entries wait."""
    counts = Counter({one.terminal: one.waiting for one in store.lanes(db)})
    counts.update({terminal: aside.entries for terminal, aside in lane.waits(db).items()})
    return counts


def oldest_by_terminal(db: Any) -> dict[str, int]:
    """By terminal, when the oldest that waits came here."""
    found: dict[str, int] = {}
    for segment in store.waiting_segments(db):
        found.setdefault(segment.terminal, segment.received_at_ms)
    for terminal, aside in lane.waits(db).items():
        found[terminal] = min(aside.oldest_at_ms, found.get(terminal, aside.oldest_at_ms))
    return found


def oldest_at_ms(db: Any) -> int | None:
    """When the oldest of all that waits came here; None where nothing does."""
    aside = [one.oldest_at_ms for one in lane.waits(db).values()]
    return min([*store.oldest_waiting(db), *aside], default=None)
