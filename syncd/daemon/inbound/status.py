"""What the daemon last knew of its lines, written into the vault for the till to show."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sentra.instants import Clock
from sentra.vault.database import Vault
from sentra.vault.state import LinkState, SyncStatus, put_sync_status
from syncd.daemon.inbound import metrics
from syncd.daemon.inbound.turn import Turner
from syncd.daemon.operations.ports import CLOUD, ROUTER
from syncd.daemon.operations.route import Line
from syncd.daemon.outbound.shelf import VaultShelf

STATUS_EVERY_MS: Final = 4_000
"""The till calls a daemon silent after 10 s; in between nothing is written without a change."""


class StatusNote:
    """The status row of one till; belongs to the thread that takes its turns."""

    def __init__(self, vault: Vault, shelf: VaultShelf, *, clock: Clock, ticks: Clock) -> None:
        """`clock` is the wall's, `ticks` only goes forward; both in milliseconds."""
        self._vault, self._shelf = vault, shelf
        self._clock, self._ticks = clock, ticks
        self._written = SyncStatus()
        self._written_tick_ms: int | None = None

    def write(self, turner: Turner) -> None:
        """After a turn: the row when it changed, and now and then as a sign of life."""
        now_ms, tick_ms = self._clock(), self._ticks()
        status = SyncStatus(
            router=_state_of(turner.line(ROUTER)) if turner.has_router else LinkState(),
            cloud=_state_of(turner.line(CLOUD)),
            skew_ms=turner.skew_ms,
            updated_at_ms=self._written.updated_at_ms,
            via=turner.via,
            notice=turner.notice,
        )
        age_ms = None if self._written_tick_ms is None else tick_ms - self._written_tick_ms
        fresh = age_ms is not None and age_ms < STATUS_EVERY_MS
        if fresh and not _differs(status, self._written):
            return
        self._written = replace(status, updated_at_ms=now_ms)
        self._written_tick_ms = tick_ms
        with self._vault.writer() as db:
            put_sync_status(db, self._written)
        _count_backlog(self._shelf, now_ms)


def _state_of(line: Line) -> LinkState:
    return LinkState(
        reachable=line.reachable,
        since_ms=line.since_ms,
        last_ok_at_ms=line.last_ok_at_ms,
        last_error=line.last_error,
    )


def _differs(new: SyncStatus, old: SyncStatus) -> bool:
    """In anything that the till shows at once; ages and milliseconds of skew may wait."""

    def seen(status: SyncStatus) -> tuple[object, ...]:
        links = (status.router, status.cloud)
        return (
            status.via,
            status.notice,
            [(ln.reachable, ln.since_ms, ln.last_error) for ln in links],
        )

    return seen(new) != seen(old)


def _count_backlog(shelf: VaultShelf, now_ms: int) -> None:
    for store in (ROUTER, CLOUD):
        waiting = shelf.backlog(store)
        oldest = waiting.oldest_at_ms
        labels = (shelf.terminal(), store)
        metrics.BACKLOG.labels(*labels).set(waiting.count)
        age_ms = 0 if oldest is None else max(0, now_ms - oldest)
        metrics.OLDEST_AGE.labels(*labels).set(age_ms / 1000)
