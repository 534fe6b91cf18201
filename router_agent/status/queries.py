"""What the status page shows, read from the router's store and its trunk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from router_agent.operations.journals import JournalState
from router_agent.operations.line import LineState
from router_agent.outbound import backlog, decisions, line_log, store
from router_agent.outbound.line_log import Outage, Watch
from router_agent.outbound.roll_call import Heard
from router_agent.outbound.waiting_sums import Waiting
from router_agent.parts import RouterParts
from sentra.events import Device
from sentra.protocol.entry import EMPTY
from sentra.protocol.feed import COMPANY

HEARD_MS_MAX: Final = 70_000
"""A till that said nothing for this long is not heard: its hello comes every 30 seconds."""

SKEW_MS_MAX: Final = 120_000
"""A clock further off than this is shown in colour."""

DAY_MS: Final = 24 * 60 * 60 * 1000

WATCH_GAP_MS: Final = 90_000
"""The router notes twice a minute that it lives; a longer gap means that it did not."""

DISK_LOW_BYTES: Final = 2_000_000_000
DISK_FULL_BYTES: Final = 200_000_000
"""A year of a busy branch is a few hundred megabytes."""

Tone = Literal["ok", "wait", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class TillRow:
    """One terminal. `not_here` None where nobody knows what it holds now.

    `set_aside` is the cloud's word for why it does not take this journal, "" where it does.
    """

    name: str
    tone: Tone
    last_heard_at_ms: int | None
    silent: bool
    not_here: int | None
    not_in_cloud: int
    rtt_ms: int | None
    skew_ms: int | None
    skewed: bool
    software: str | None
    set_aside: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the last 24 hours, as fractions of it. `unknown`: the router did not run."""

    start: float
    end: float
    tone: Tone
    began_at_ms: int
    ended_at_ms: int


@dataclass(frozen=True, slots=True)
class LineDay:
    """The line in the last 24 hours. `sales_kept` waited here at the ends of the outages."""

    spans: tuple[Span, ...]
    outages: int
    down_ms: int
    sales_kept: int


@dataclass(frozen=True, slots=True)
class StatusView:
    """The whole page. Instants are UTC milliseconds; `drain_s` None where no speed is known."""

    name: str
    branch: str
    zone: str
    now_ms: int
    currency: str
    line: LineState
    waiting: Waiting
    drain_s: int | None
    tills: tuple[TillRow, ...]
    disk_free_bytes: int
    day: LineDay
    company_revision: int
    branch_revision: int
    addresses: tuple[str, ...]
    version: str

    @property
    def heard(self) -> int:
        """Tills that speak."""
        return sum(1 for till in self.tills if till.last_heard_at_ms and not till.silent)

    @property
    def disk_tone(self) -> Tone:
        """Whether somebody should make room."""
        if self.line.disk_problem or self.disk_free_bytes < DISK_FULL_BYTES:
            return "bad"
        return "wait" if self.disk_free_bytes < DISK_LOW_BYTES else "ok"


def status(router: RouterParts) -> StatusView:
    """Everything on the page, from one read of the store."""
    now_ms, line = router.clock(), router.trunk.state
    branch_id = router.identity.branch_id
    with router.vault.reader() as db:
        waiting = router.sums.now(db)
        tills = _tills(db, router.devices.all(), router.roll_call.all(), line, now_ms)
        day = _line_day(db, line, waiting, now_ms)
        revisions = [decisions.feed_cursor(db, scope) for scope in (COMPANY, branch_id)]
    speed = line.entries_per_s
    return StatusView(
        name=router.identity.name,
        branch=router.identity.branch_name,
        zone=router.identity.zone,
        now_ms=now_ms,
        currency=router.identity.currency,
        line=line,
        waiting=waiting,
        drain_s=-(-waiting.entries // speed) if speed else None,
        tills=tills,
        disk_free_bytes=shutil.disk_usage(router.settings.folder).free,
        day=day,
        company_revision=revisions[0],
        branch_revision=revisions[1],
        addresses=router.trunk.addresses,
        version=router.version,
    )


def _tills(
    db: Any,
    devices: Sequence[Device],
    heard: dict[str, Heard],
    line: LineState,
    now_ms: int,
) -> tuple[TillRow, ...]:
    """The branch's terminals by number; revoked ones only while something of theirs waits."""
    waiting = backlog.waiting(db)
    states = {state.terminal: state for state in store.journals(db)}
    return tuple(
        _till(
            device,
            heard.get(device.id),
            states.get(device.id),
            waiting.get(device.id, 0),
            line.set_aside.get(device.id, ""),
            now_ms,
        )
        for device in sorted(devices, key=lambda device: device.number)
        if device.role == "terminal" and (not device.revoked or waiting.get(device.id))
    )


def _till(
    device: Device,
    heard: Heard | None,
    state: JournalState | None,
    not_in_cloud: int,
    set_aside: str,
    now_ms: int,
) -> TillRow:
    if heard is None:
        tone: Tone = "bad" if set_aside else "unknown"
        return TillRow(
            device.name, tone, None, False, None, not_in_cloud, None, None, False, None, set_aside
        )
    silent = now_ms - heard.last_heard_at_ms > HEARD_MS_MAX
    not_here = None if silent else _not_here(heard, state)
    skewed = not silent and abs(heard.skew_ms) > SKEW_MS_MAX
    return TillRow(
        name=device.name,
        tone="bad" if silent or set_aside else "wait" if skewed or not_here else "ok",
        last_heard_at_ms=heard.last_heard_at_ms,
        silent=silent,
        not_here=not_here,
        not_in_cloud=not_in_cloud,
        rtt_ms=None if silent or not heard.rtt_ms else heard.rtt_ms,
        skew_ms=None if silent else heard.skew_ms,
        skewed=skewed,
        software=heard.software,
        set_aside=set_aside,
    )


def _not_here(heard: Heard, state: JournalState | None) -> int:
    """Entries that the till had at its last hello and that have not come since."""
    here = state.here if state else EMPTY
    if heard.epoch != here.epoch:
        return heard.seq if heard.epoch > here.epoch else 0
    return max(0, heard.seq - here.seq)


def _line_day(db: Any, line: LineState, waiting: Waiting, now_ms: int) -> LineDay:
    start_ms = now_ms - DAY_MS
    outages = line_log.outages_since(db, start_ms)
    watches = line_log.watches_since(db, start_ms)
    kept = sum(outage.sales_kept for outage in outages)
    return LineDay(
        spans=line_spans(outages, watches, now_ms),
        outages=len(outages),
        down_ms=sum(
            (outage.ended_at_ms or now_ms) - max(outage.started_at_ms, start_ms)
            for outage in outages
        ),
        sales_kept=kept + (0 if line.reachable else waiting.sales),
    )


def line_spans(
    outages: Sequence[Outage], watches: Sequence[Watch], now_ms: int
) -> tuple[Span, ...]:
    """The last 24 hours in parts: with the line, without it, and with nobody there to know.

    Green only where this router ran and saw no outage.
    """
    start_ms = now_ms - DAY_MS
    marks = {start_ms, now_ms}
    seen = [(w.started_at_ms, _until(w, now_ms)) for w in watches]
    down = [(o.started_at_ms, o.ended_at_ms or now_ms) for o in outages]
    for began_ms, ended_ms in (*seen, *down):
        marks |= {min(max(at_ms, start_ms), now_ms) for at_ms in (began_ms, ended_ms)}
    spans: list[Span] = []
    ordered = sorted(marks)
    for from_ms, to_ms in pairwise(ordered):
        middle_ms = (from_ms + to_ms) // 2
        tone: Tone = "ok" if _within(seen, middle_ms) else "unknown"
        tone = "wait" if _within(down, middle_ms) else tone
        same = bool(spans) and spans[-1].tone == tone
        began_ms = spans.pop().began_at_ms if same else from_ms
        fractions = ((began_ms - start_ms) / DAY_MS, (to_ms - start_ms) / DAY_MS)
        spans.append(Span(*fractions, tone, began_ms, to_ms))
    return tuple(spans)


def _until(watch: Watch, now_ms: int) -> int:
    """The watch that wrote a moment ago is the present one."""
    return now_ms if now_ms - watch.last_at_ms <= WATCH_GAP_MS else watch.last_at_ms


def _within(parts: Sequence[tuple[int, int]], at_ms: int) -> bool:
    return any(began_ms <= at_ms < ended_ms for began_ms, ended_ms in parts)
