"""The state of the journal's two hops, from watermarks and the daemon's own word.

Green only on evidence: an acknowledged head behind which nothing waits. Neither a reachable link
nor an empty queue is evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pos_shell.till import Till
from sentra.protocol.entry import EMPTY
from sentra.vault import catalogue, epochs, journal, state
from sentra.vault.driver import Connection
from sentra.vault.epochs import Restored
from sentra.vault.state import LinkState

SILENT_AFTER_MS: Final = 10_000
"""The daemon writes its status every few seconds; silence beyond this is shown."""

SKEW_SHOWN_MS: Final = 120_000
"""Clocks that differ by less cause no trouble to anybody."""

RESTORED_SHOWN_MS: Final = 24 * 60 * 60 * 1000
"""How long the till says that its journal was put back: whoever comes in the morning sees it."""

OLD_COPY: Final = "journal-behind"
"""The daemon's word for a vault that was put back; the till knows it without the daemon."""

Level = Literal["saved", "waiting", "nothing"]


@dataclass(frozen=True, slots=True)
class Hop:
    """One level of acknowledgement. `oldest_at_ms` is when the oldest waiting entry was stored.

    `level` saved: the head is acknowledged; waiting: `count` entries are not; nothing: there is
    nothing that could have been acknowledged.
    """

    level: Level
    count: int
    oldest_at_ms: int | None
    link: LinkState


@dataclass(frozen=True, slots=True)
class SyncState:
    """Both hops, and what the daemon says. `router` is None where the branch has no router;
    `restored` says that the journal was put back lately."""

    router: Hop | None
    cloud: Hop
    daemon_silent: bool
    daemon_seen_at_ms: int
    skew_ms: int
    notice: str | None
    restored: Restored | None


def sync_state(till: Till) -> SyncState:
    """The state now, from one moment of the vault."""
    now_ms = till.clock()
    with till.vault.reader() as db:
        said = state.sync_status(db)
        empty = journal.head(db).seq == 0 and journal.head(db).epoch == EMPTY.epoch
        has_router = any(
            device.role == "router" and not device.revoked for device in catalogue.devices(db)
        )
        router = _hop(db, "router", said.router, empty) if has_router else None
        cloud = _hop(db, "cloud", said.cloud, empty)
        restored = epochs.restored(db)
        notice = said.notice or (OLD_COPY if journal.is_provisional(db) else None)
    return SyncState(
        router=router,
        cloud=cloud,
        daemon_silent=now_ms - said.updated_at_ms > SILENT_AFTER_MS,
        daemon_seen_at_ms=said.updated_at_ms,
        skew_ms=said.skew_ms,
        notice=notice,
        restored=restored if restored and now_ms - restored.at_ms < RESTORED_SHOWN_MS else None,
    )


def _hop(db: Connection, name: str, link: LinkState, empty: bool) -> Hop:
    waiting = journal.backlog(db, name)
    level: Level = "waiting" if waiting.count else ("nothing" if empty else "saved")
    return Hop(level, waiting.count, waiting.oldest_at_ms, link)
