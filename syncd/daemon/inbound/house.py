"""The daemon's housekeeping: forgets what is archived and old, a little at a time, and tidies up
what a power cut left of a change of the catalogue."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from sentra.instants import Clock
from sentra.vault import archived, leftovers, retention, staging
from sentra.vault.database import GIVE_WAY_S, Vault
from sentra.vault.identity import Identity
from syncd.daemon.inbound import metrics

EVERY_MS: Final = 60 * 60 * 1000
"""Between two looks while there is nothing to do; in between one small step a turn."""

_log = structlog.get_logger(__name__)


class House:
    """Keeps one till's vault small; belongs to its thread."""

    def __init__(
        self,
        vault: Vault,
        identity: Identity,
        days: int,
        ticks: Clock,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`days`: how far back the cloud's database can be restored. `ticks` only goes forward.
        `pause` lets others write for so many seconds."""
        self._pause = pause
        self._vault, self._identity = vault, identity
        self._window_ms = days * archived.DAY_MS
        self._ticks = ticks
        self._due_tick_ms = ticks() + EVERY_MS // 60

    def keep(self, now_ms: int) -> None:
        """One step where one is due: a shift forgotten, or some room given back."""
        if self._ticks() < self._due_tick_ms:
            return
        staging.tidy(self._vault, lambda: self._pause(GIVE_WAY_S))
        if not (self._remember(now_ms) or self._forget(now_ms) or self._give_back()):
            self._due_tick_ms = self._ticks() + EVERY_MS

    def _remember(self, now_ms: int) -> bool:
        own = self._identity.device_id
        with self._vault.reader() as db:
            mark = retention.marks_of(db, self._identity).get(archived.ARCHIVED)
            news = archived.is_news(db, own, mark)
        if news:
            with self._vault.writer() as db:
                archived.remember(db, own, mark, now_ms)
        return news

    def _forget(self, now_ms: int) -> bool:
        """A shift, and then what is left over of it: also of one before a power cut."""
        with self._vault.reader() as db:
            found = retention.plan(db, self._identity, self._window_ms, now_ms)
        count = 0
        if found is not None:
            with self._vault.writer() as db:
                count = retention.forget(db, self._identity, found, self._window_ms, now_ms)
        if count:
            metrics.FORGOTTEN.labels(self._identity.device_id).inc(count)
            _log.info("archived entries are forgotten", entries=count)
        return self._drop_leftovers() or count > 0

    def _drop_leftovers(self) -> bool:
        """A portion at a time: whoever sells is let in between."""
        has_dropped = False
        while True:
            with self._vault.reader() as db:
                found = leftovers.next_portion(db, self._identity)
            if found is None:
                return has_dropped
            self._pause(GIVE_WAY_S)
            with self._vault.writer() as db:
                leftovers.drop(db, found)
            has_dropped = True

    def _give_back(self) -> bool:
        with self._vault.reader() as db:
            free = retention.has_room_to_give_back(db)
        if free:
            with self._vault.writer() as db:
                retention.give_back_room(db)
        return free
