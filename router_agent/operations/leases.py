"""Until when claims hold, by a clock that only goes forward."""

from __future__ import annotations

from collections.abc import Collection

from sentra.instants import Clock


class Leases:
    """The ends of claims, each under its key. In memory only: after a restart, of which nobody
    knows how long it took, a claim that is written down holds for its whole time again."""

    def __init__(self, ticks: Clock, lasts_ms: int) -> None:
        """`ticks` are milliseconds of a clock that only goes forward."""
        self._ticks, self.lasts_ms = ticks, lasts_ms
        self._until: dict[str, int] = {}

    def begin(self, key: str) -> None:
        """It holds from now on, whether it did before or not."""
        self._until[key] = self._ticks() + self.lasts_ms

    def holds(self, key: str) -> bool:
        """Whether a claim that is written down still holds."""
        if key not in self._until:
            self.begin(key)
        return self._ticks() < self._until[key]

    def end(self, key: str) -> None:
        """It is settled or over."""
        self._until.pop(key, None)

    def keep_only(self, keys: Collection[str]) -> None:
        """Forgets all others: their claims are settled."""
        self._until = {key: at for key, at in self._until.items() if key in keys}
