"""Time as the simulated world has it: it passes when something says so, and only forward."""

from __future__ import annotations

from typing import Final

START_MS: Final = 1_795_320_000_000
"""2026-11-22T04:00Z, noon in Sangatta."""


class TrueTime:
    """The true time. Machines have clocks of their own, right or wrong."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass."""
        self.now_ms += duration_ms

    def ticks(self) -> int:
        """Milliseconds since the start: what a clock counts that only goes forward."""
        return self.now_ms - START_MS


class MachineClock:
    """The wall clock of one machine, `offset_ms` ahead of the true time."""

    def __init__(self, time: TrueTime, offset_ms: int = 0) -> None:
        self._time = time
        self.offset_ms = offset_ms

    def __call__(self) -> int:
        """UTC milliseconds as the machine believes."""
        return self._time.now_ms + self.offset_ms
