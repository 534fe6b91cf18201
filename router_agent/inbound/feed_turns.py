"""The feed's share of a turn of the trunk: bounded, so that what tills sent has its share too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.operations.trunk import Cloud, fetch_snapshot, fetch_step
from router_agent.outbound.shelf import VaultShelf
from sentra.instants import Clock
from sentra.link.errors import LinkRefused
from sentra.protocol.errors import ProtocolError

FETCH_MS_MAX: Final = 2_000
"""Of a long feed at once; then what tills sent meanwhile has its turn."""

SLIM_EVERY_MS: Final = 60 * 60 * 1000
"""Between two tries to put a newer snapshot in the place of many revisions."""

_log = structlog.get_logger(__name__)


class FeedTurns:
    """Fetches scopes for one trunk; belongs to its thread, but for `ask_snapshot`."""

    def __init__(
        self, cloud: Cloud, shelf: VaultShelf, cloud_key: Ed25519PublicKey, ticks: Clock
    ) -> None:
        self._cloud, self._shelf = cloud, shelf
        self._key, self._ticks = cloud_key, ticks
        self._slim_due_tick_ms = 0
        self._asked: set[str] = set()

    def ask_snapshot(self, scope: str) -> None:
        """A till asks for a snapshot that is not here."""
        self._asked.add(scope)

    def fetch(self, scope: str, stopped: Callable[[], bool]) -> tuple[int, bool]:
        """(whether anything came, whether more is to be fetched at the next turn).

        Raises as `fetch_step` does.
        """
        count, more, until_ms = 0, True, self._ticks() + FETCH_MS_MAX
        while more and not stopped():
            came, more = fetch_step(self._cloud, self._shelf, scope, self._key)
            count += came
            if more and self._ticks() >= until_ms:
                return count, True
        if not self._snapshot_is_due(scope):
            return count, False
        try:
            fetch_snapshot(self._cloud, self._shelf, scope, self._key)
        except (ProtocolError, LinkRefused) as error:
            _log.warning("no newer snapshot", scope=scope, problem=error.slug)
            return count, False
        return count, True

    def _snapshot_is_due(self, scope: str) -> bool:
        """For a till that asked, and for the revisions that it would cover."""
        if scope in self._asked:
            self._asked.discard(scope)
            return self._shelf.snapshot_revision(scope) == 0
        if self._ticks() < self._slim_due_tick_ms or not self._shelf.is_heavy(scope):
            return False
        self._slim_due_tick_ms = self._ticks() + SLIM_EVERY_MS
        return True
