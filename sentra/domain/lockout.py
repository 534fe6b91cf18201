"""Wrong PINs: growing waits, then a lock that a supervisor opens.

The waits run on a clock that only goes forward: it adds up how far the terminal's clock has moved
ahead between two looks at it and takes no notice of it being set back, so neither a flat battery
nor a clever hand shortens a wait or makes it endless. The state lives in the vault, so that it
outlives a restart and needs no network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sentra.domain.errors import DomainError

FREE_TRIES: Final = 4
"""Wrong PINs without a wait; people do mistype."""

FIRST_WAIT_MS: Final = 30_000
"""The wait after the fifth wrong PIN; each further one doubles it."""

LOCKED_AT: Final = 10
"""Wrong PINs after which only a supervisor, or the long wait, opens the way again."""

LONG_WAIT_MS: Final = 12 * 3_600_000
"""The wait when locked: 10 tries a day at most, against a million PINs of six digits."""


class PinWait(DomainError):
    """A PIN was offered before the wait was over; `wait_s` is how long it still is."""

    code = "pin-wait"
    sentence = "Too many wrong PINs. Try again in %(wait_s)s seconds."


class PinLocked(DomainError):
    """Locked; `wait_s` is how long it stays so without a supervisor."""

    code = "pin-locked"
    sentence = "Too many wrong PINs. A supervisor can open this again with a PIN of their own."


@dataclass(frozen=True, slots=True)
class Lockout:
    """A person's wrong PINs in a row at one terminal.

    `wall_ms` is the terminal's clock when it was last looked at, `elapsed_ms` the forward-only
    clock at that time, `open_at_ms` when on that clock the next try is taken.
    """

    failures: int = 0
    wall_ms: int = 0
    elapsed_ms: int = 0
    open_at_ms: int = 0

    @property
    def locked(self) -> bool:
        """Whether a supervisor is asked for."""
        return self.failures >= LOCKED_AT


def seen(state: Lockout, now_ms: int) -> Lockout:
    """The state after a look at the terminal's clock. Store it, so that time passes."""
    forward = max(now_ms - state.wall_ms, 0) if state.wall_ms else 0
    return replace(state, wall_ms=now_ms, elapsed_ms=state.elapsed_ms + forward)


def wait_ms(state: Lockout, now_ms: int) -> int:
    """How long until the next try is taken; 0 when it is now."""
    present = seen(state, now_ms)
    return max(present.open_at_ms - present.elapsed_ms, 0)


def check_open(state: Lockout, now_ms: int) -> None:
    """Refuse a try that comes too early, before the PIN is looked at.

    Raises:
        PinWait, PinLocked: as they say.
    """
    wait = wait_ms(state, now_ms)
    if wait > 0:
        wait_s = -(-wait // 1000)
        raise PinLocked(wait_s=wait_s) if state.locked else PinWait(wait_s=wait_s)


def failed(state: Lockout, now_ms: int) -> Lockout:
    """The state after a wrong PIN."""
    present = seen(state, now_ms)
    failures = present.failures + 1
    return replace(present, failures=failures, open_at_ms=present.elapsed_ms + _wait(failures))


def opened(state: Lockout, now_ms: int) -> Lockout:
    """The state after a right PIN, or after a supervisor let the person try again."""
    return replace(seen(state, now_ms), failures=0, open_at_ms=0)


def _wait(failures: int) -> int:
    if failures <= FREE_TRIES:
        return 0
    if failures >= LOCKED_AT:
        return LONG_WAIT_MS
    return int(FIRST_WAIT_MS * 2 ** (failures - FREE_TRIES - 1))
