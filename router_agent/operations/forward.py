"""Choose what to send to the cloud next: small steps, fair lanes.

Journals that are nearly current go before those that are behind, so that one till's backlog never
delays what the others sell now; within a journal the order holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentra.protocol.entry import Head
from sentra.protocol.envelope import SEGMENTS_MAX
from sentra.protocol.messages import JournalOutcome

SHARE_BYTES = 256 * 1024
"""What one lane may fill of an envelope before the other lanes had their turn."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One journal's backlog: how many entries wait, and the sizes of its segments in order."""

    terminal: str
    waiting: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """The first `segments` of a lane go into the next envelope."""

    terminal: str
    segments: int


def _fit(sizes: Sequence[int], taken: int, room: int) -> tuple[int, int]:
    """(how many more fit, their bytes) from position `taken` on."""
    used = count = 0
    for size in sizes[taken:]:
        if used + size > room:
            break
        used += size
        count += 1
    return count, used


def choose(lanes: Sequence[Lane], credit_bytes: int) -> list[Pick]:
    """What fits into the credit: a share for each lane, shortest backlog first, then the rest.

    At least one segment is picked where any waits, whatever the credit: it would wait for ever.
    """
    order = sorted((lane for lane in lanes if lane.sizes), key=lambda lane: lane.waiting)
    taken = dict.fromkeys((lane.terminal for lane in order), 0)
    room, places = credit_bytes, SEGMENTS_MAX
    for share in (SHARE_BYTES, credit_bytes):
        for lane in order:
            count, used = _fit(lane.sizes, taken[lane.terminal], min(share, room))
            count = min(count, places)
            taken[lane.terminal] += count
            room, places = room - used, places - count
    if order and not any(taken.values()):
        taken[order[0].terminal] = 1
    return [Pick(lane.terminal, taken[lane.terminal]) for lane in order if taken[lane.terminal]]


def cloud_head_after(outcome: JournalOutcome) -> Head | None:
    """Where the cloud stands after its answer, or None where the answer does not say.

    After a gap this may be lower than before: the cloud was restored, and everything above is
    sent again. A refused journal stays where it was.
    """
    if outcome.outcome == "refused":
        return None
    return outcome.here.to_head()
