"""What the status page shows, read from the router's store and its trunk."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from router_agent.outbound import store
from sentra.events import SaleCompleted
from sentra.protocol.bodies import BodyUnreadable, UnknownKind, decode_fact
from sentra.protocol.feed import COMPANY
from sentra.protocol.segment import peek, read_header

if TYPE_CHECKING:
    from router_agent.bootstrap import Router
    from router_agent.inbound.trunk_loop import TrunkState

WAITING_SEGMENTS_MAX = 2_000
"""Segments unpacked for the sum of what waits; above that the page says "more than"."""

HEARD_MS_MAX = 60_000
"""A till that said nothing for this long is not heard: its hello comes every 30 seconds."""

SKEW_MS_MAX = 120_000
"""A clock further off than this is shown in colour."""

DAY_MS = 24 * 60 * 60 * 1000

Tone = Literal["ok", "wait", "bad"]


@dataclass(frozen=True, slots=True)
class TillRow:
    """One terminal. `not_here` None where the till has not said how much it holds."""

    name: str
    tone: Tone
    last_heard_at_ms: int | None
    not_here: int | None
    not_in_cloud: int
    rtt_ms: int | None
    skew_ms: int | None
    skewed: bool
    software: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is here and not in the cloud. `sales` and `amount` are exact unless `more`."""

    entries: int
    sales: int
    amount: int
    more: bool
    oldest_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the last 24 hours, as fractions of it."""

    start: float
    end: float
    tone: Tone
    began_at_ms: int
    ended_at_ms: int


@dataclass(frozen=True, slots=True)
class StatusView:
    """The whole page. Instants are UTC milliseconds; `drain_s` None where no speed is known."""

    branch: str
    now_ms: int
    currency: str
    trunk: TrunkState
    tone: Tone
    waiting: Waiting
    drain_s: int | None
    tills: tuple[TillRow, ...]
    heard: int
    disk_free_bytes: int
    outages: tuple[store.Outage, ...]
    outage_ms: int
    spans: tuple[Span, ...]
    company_revision: int
    branch_revision: int


@functools.lru_cache(maxsize=WAITING_SEGMENTS_MAX)
def _sales_in(sealed: bytes, after_seq: int) -> tuple[int, int]:
    """(sales, minor units) of one held segment, without what the cloud already has of it."""
    count = total = 0
    for seq, kind, schema, body in peek(sealed):
        if seq <= after_seq:
            continue
        try:
            fact = decode_fact(kind, schema, body)
        except (UnknownKind, BodyUnreadable):
            continue
        if isinstance(fact, SaleCompleted):
            count, total = count + 1, total + fact.total
    return count, total


def _waiting(db: Any) -> Waiting:
    entries = sum(lane.waiting for lane in store.lanes(db))
    rows = store.waiting_segments(db, WAITING_SEGMENTS_MAX + 1)
    sales = amount = 0
    for sealed, cloud, _ in rows[:WAITING_SEGMENTS_MAX]:
        header = read_header(sealed)
        more_sales, more_amount = _sales_in(sealed, cloud.seq if header.epoch == cloud.epoch else 0)
        sales, amount = sales + more_sales, amount + more_amount
    more = len(rows) > WAITING_SEGMENTS_MAX
    return Waiting(entries, sales, amount, more, rows[0][2] if rows else None)


def _till(name: str, heard: store.Heard | None, not_in_cloud: int, now_ms: int) -> TillRow:
    if heard is None:
        return TillRow(name, "bad", None, None, not_in_cloud, None, None, False, None)
    silent = now_ms - heard.last_heard_at_ms > HEARD_MS_MAX
    skewed = abs(heard.skew_ms) > SKEW_MS_MAX
    tone: Tone = "bad" if silent else "wait" if skewed or heard.waiting else "ok"
    return TillRow(
        name,
        tone,
        heard.last_heard_at_ms,
        None if silent else heard.waiting,
        not_in_cloud,
        None if silent else heard.rtt_ms,
        None if silent else heard.skew_ms,
        skewed and not silent,
        heard.software,
    )


def _tills(db: Any, now_ms: int) -> tuple[TillRow, ...]:
    heard = store.all_heard(db)
    waiting = {lane.terminal: lane.waiting for lane in store.lanes(db)}
    return tuple(
        _till(device.name, heard.get(device.id), waiting.get(device.id, 0), now_ms)
        for device in sorted(store.devices(db), key=lambda device: device.number)
        if device.role == "terminal" and not device.revoked
    )


def _spans(outages: tuple[store.Outage, ...], now_ms: int) -> tuple[Span, ...]:
    """The day in alternating parts, with the line and without it."""
    start_ms = now_ms - DAY_MS
    spans: list[Span] = []
    at_ms = start_ms

    def add(until_ms: int, tone: Tone) -> None:
        nonlocal at_ms
        if until_ms > at_ms:
            begin, end = (at_ms - start_ms) / DAY_MS, (until_ms - start_ms) / DAY_MS
            spans.append(Span(begin, end, tone, at_ms, until_ms))
            at_ms = until_ms

    for outage in outages:
        add(max(outage.started_at_ms, start_ms), "ok")
        add(min(outage.ended_at_ms or now_ms, now_ms), "wait")
    add(now_ms, "ok")
    return tuple(spans)


def status(router: Router) -> StatusView:
    """Everything on the page, from one read of the store."""
    now_ms, trunk = router.clock(), router.trunk.state
    with router.vault.reader() as db:
        waiting = _waiting(db)
        tills = _tills(db, now_ms)
        outages = tuple(store.outages_since(db, now_ms - DAY_MS))
        company_revision = store.feed_cursor(db, COMPANY)
        branch_revision = store.feed_cursor(db, router.identity.branch_id)
    down_ms = sum(
        (outage.ended_at_ms or now_ms) - max(outage.started_at_ms, now_ms - DAY_MS)
        for outage in outages
    )
    speed = trunk.entries_per_s
    return StatusView(
        branch=router.identity.branch_name,
        now_ms=now_ms,
        currency=router.identity.currency,
        trunk=trunk,
        tone="ok" if trunk.reachable and not waiting.entries else "wait",
        waiting=waiting,
        drain_s=-(-waiting.entries // speed) if speed else None,
        tills=tills,
        heard=sum(1 for till in tills if till.tone != "bad"),
        disk_free_bytes=shutil.disk_usage(router.settings.folder).free,
        outages=outages,
        outage_ms=down_ms,
        spans=_spans(outages, now_ms),
        company_revision=company_revision,
        branch_revision=branch_revision,
    )
