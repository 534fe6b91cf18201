"""The router's housekeeping: forgets what is archived and old, a little at a time."""

from __future__ import annotations

from typing import Final

import structlog

from router_agent import metrics
from router_agent.operations.journals import JournalState
from router_agent.outbound import bases, lane, store
from sentra.instants import Clock
from sentra.protocol.messages import Watermark
from sentra.vault import archived, retention
from sentra.vault.database import Vault
from sentra.vault.identity import Identity

EVERY_MS: Final = 60 * 60 * 1000
"""Between two looks while there is nothing to do; in between one small step for each journal."""

_log = structlog.get_logger(__name__)


class House:
    """Keeps one router's vault small; belongs to the trunk's thread."""

    def __init__(self, vault: Vault, identity: Identity, days: int, ticks: Clock) -> None:
        """`days`: how far back the cloud's database can be restored. `ticks` only goes forward."""
        self._vault, self._key = vault, identity.cloud_public_key
        self._name = identity.name
        self._window_ms = days * archived.DAY_MS
        self._ticks = ticks
        self._due_tick_ms = ticks() + EVERY_MS // 60

    def keep(self, now_ms: int) -> None:
        """One step for each journal, where one is due, or some room given back."""
        if self._ticks() < self._due_tick_ms:
            return
        with self._vault.reader() as db:
            states = store.journals(db)
        marks = {one.terminal: self._true_marks(one) for one in states}
        newest = max((mark.at_ms for told in marks.values() for mark in told.values()), default=0)
        busy = [self._keep_journal(one, marks[one], newest, now_ms) for one in marks]
        busy.append(self._keep_lane(newest, now_ms))
        if not any(busy) and not self._give_back():
            self._due_tick_ms = self._ticks() + EVERY_MS

    def _true_marks(self, state: JournalState) -> dict[str, Watermark]:
        told = (state.watermark, state.archived)
        return archived.true_marks(told, state.terminal, self._key)

    def _keep_journal(
        self, terminal: str, marks: dict[str, Watermark], newest_ms: int, now_ms: int
    ) -> bool:
        """Whether anything was done."""
        mark = marks.get(archived.ARCHIVED)
        with self._vault.reader() as db:
            if not archived.is_news(db, terminal, mark):
                limit = archived.may_go(db, terminal, marks, newest_ms, self._window_ms, now_ms)
                base = bases.base_of(db, terminal)
                if (limit.epoch, limit.seq) <= (base.epoch, base.seq):
                    return False
        with self._vault.writer() as db:
            archived.remember(db, terminal, mark, now_ms)
            limit = archived.may_go(db, terminal, marks, newest_ms, self._window_ms, now_ms)
            count = bases.forget(db, terminal, limit)
            if count:
                archived.forget_before(db, terminal, bases.base_of(db, terminal))
        if count:
            metrics.FORGOTTEN.labels(self._name).inc(count)
            _log.info("archived segments are forgotten", terminal=terminal, segments=count)
        return count > 0

    def _keep_lane(self, newest_ms: int, now_ms: int) -> bool:
        """Whether anything was dropped of what the cloud has in one of its own lanes."""
        limits = (newest_ms, self._window_ms, now_ms)
        with self._vault.reader() as db:
            if not (lane.is_news(db) or lane.has_old(db, *limits)):
                return False
        with self._vault.writer() as db:
            lane.remember(db, newest_ms, now_ms)
            count = lane.forget(db, *limits)
        if count:
            metrics.FORGOTTEN.labels(self._name).inc(count)
            _log.info("confirmed segments of the fork lane are forgotten", segments=count)
        return count > 0

    def _give_back(self) -> bool:
        with self._vault.reader() as db:
            free = retention.has_room_to_give_back(db)
        if free:
            with self._vault.writer() as db:
                retention.give_back_room(db)
        return free
