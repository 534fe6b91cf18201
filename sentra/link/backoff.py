"""How long to wait after a failure: exponential, with full jitter and a maximum that callers name.

Full jitter (any time between nothing and the bound) spreads a region's devices over the whole wait
when a line or the cloud comes back.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_random_exponential

ASKED_WAIT_S_MAX: Final = 120
"""A store may ask for a longer wait, but not for more than this."""

_WAIT_S_MIN: Final = 0.2
_FIRST_BOUND_S: Final = 0.5


def wait_ms(failures: int, *, most_s: float, asked_s: int | None = None) -> int:
    """Milliseconds to wait after this many failures in a row; what the store asked for counts."""
    if asked_s is not None:
        return 1000 * min(max(asked_s, 0), ASKED_WAIT_S_MAX)
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = max(1, failures)
    return int(1000 * _strategy(most_s)(state))


@lru_cache(maxsize=8)
def _strategy(most_s: float) -> wait_random_exponential:
    return wait_random_exponential(multiplier=_FIRST_BOUND_S, min=_WAIT_S_MIN, max=most_s)
