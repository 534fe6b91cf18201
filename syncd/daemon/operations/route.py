"""Which store to speak to: the router first, the cloud while the router does not answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName


@dataclass(frozen=True, slots=True)
class Line:
    """How one line does. `reachable` None: not tried yet.

    Instants that people see are wall-clock milliseconds; `retry_at_tick_ms`, before which it is
    not tried again, counts on a clock that only goes forward: a till's wall clock may jump.
    """

    reachable: bool | None = None
    since_ms: int = 0
    last_ok_at_ms: int | None = None
    last_error: str | None = None
    failures: int = 0
    retry_at_tick_ms: int = 0


def answered(line: Line, now_ms: int) -> Line:
    """After an answer."""
    return replace(
        line,
        reachable=True,
        since_ms=line.since_ms if line.reachable else now_ms,
        last_ok_at_ms=now_ms,
        last_error=None,
        failures=0,
        retry_at_tick_ms=0,
    )


def failed(line: Line, problem: str, now_ms: int, retry_at_tick_ms: int) -> Line:
    """After a failure."""
    return replace(
        line,
        reachable=False,
        since_ms=now_ms if line.reachable is not False else line.since_ms,
        last_error=problem,
        failures=line.failures + 1,
        retry_at_tick_ms=retry_at_tick_ms,
    )


def order(router: Line | None, cloud: Line, tick_ms: int) -> tuple[StoreName, ...]:
    """The stores to try now, first choice first; `router` None where none is known.

    A router whose waiting time is over is tried before the cloud: that is the way back to it.
    """
    names: list[StoreName] = []
    if router is not None and tick_ms >= router.retry_at_tick_ms:
        names.append(ROUTER)
    if tick_ms >= cloud.retry_at_tick_ms:
        names.append(CLOUD)
    return tuple(names)


def idle_ms(router: Line | None, cloud: Line, tick_ms: int, timer_ms: int) -> int:
    """How long to wait for a wake-up: the timer, or less where a line's next try is nearer."""
    due = [line.retry_at_tick_ms - tick_ms for line in (router, cloud) if line is not None]
    return min([timer_ms, *(wait for wait in due if wait > 0)])
