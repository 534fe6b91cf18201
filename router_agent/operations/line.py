"""How the line to the cloud does, as the status page and the metrics say it.

Every change is a function from one state to the next; the instants are passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

SPEED_ENTRIES_MIN: Final = 100
"""Entries in an envelope whose time says how fast a backlog drains; less measures the way alone."""


@dataclass(frozen=True, slots=True)
class LineState:
    """`reachable` None: not tried yet. Instants are None before the first of their kind.

    `since_ms`: in this state since. `skew_ms` is this clock minus the cloud's. `problem` is the
    slug of what failed last on the line, `feed_problem` of why decisions do not come,
    `disk_problem` of why nothing can be written here. `set_aside`: terminals whose journal the
    cloud does not take, and its word for why. `notices` are the cloud's words about this router.
    """

    reachable: bool | None = None
    since_ms: int | None = None
    last_ok_at_ms: int | None = None
    skew_ms: int | None = None
    rtt_ms: int | None = None
    problem: str | None = None
    next_try_at_ms: int | None = None
    entries_per_s: int | None = None
    notices: tuple[str, ...] = ()
    feed_problem: str | None = None
    disk_problem: str | None = None
    set_aside: Mapping[str, str] = field(default_factory=dict)


def resumed(outage_since_ms: int | None) -> LineState:
    """At the start: an outage that lasted when the router ended goes on until an answer comes."""
    if outage_since_ms is None:
        return LineState()
    return LineState(reachable=False, since_ms=outage_since_ms)


def answered(line: LineState, now_ms: int) -> LineState:
    """The cloud answered."""
    return replace(
        line,
        reachable=True,
        since_ms=line.since_ms if line.reachable else now_ms,
        last_ok_at_ms=now_ms,
        problem=None,
        next_try_at_ms=None,
    )


def failed(line: LineState, problem: str, now_ms: int, next_try_at_ms: int) -> LineState:
    """It did not."""
    return replace(
        line,
        reachable=False,
        since_ms=line.since_ms if line.reachable is False else now_ms,
        problem=problem,
        next_try_at_ms=next_try_at_ms,
    )


def measured(line: LineState, entries: int, took_ms: int) -> LineState:
    """An envelope of so many entries took so long: the usual speed of draining."""
    if entries <= 0:
        return line
    speed = entries * 1000 // max(1, took_ms)
    if entries < SPEED_ENTRIES_MIN:
        speed = max(speed, line.entries_per_s or 0)
    return replace(line, entries_per_s=max(1, speed))
