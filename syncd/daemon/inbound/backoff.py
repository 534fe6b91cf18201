"""How long to wait after a failure: exponential with full jitter, and a named maximum."""

from __future__ import annotations

from typing import Final

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_random_exponential

from syncd.daemon.operations.ports import ROUTER, StoreName

ROUTER_WAIT_S_MAX: Final = 5.0
"""The way back to the router is tried this often at least: asking costs one packet on the LAN."""

CLOUD_WAIT_S_MAX: Final = 15.0
"""A branch's tills come back within this after an outage, spread over it by the jitter."""

ASKED_WAIT_S_MAX: Final = 120
"""A store may ask for a longer wait, but not for more than this."""

_WAIT_S_MIN: Final = 0.2

_strategies: Final = {
    name: wait_random_exponential(multiplier=0.5, min=_WAIT_S_MIN, max=most)
    for name, most in (("router", ROUTER_WAIT_S_MAX), ("cloud", CLOUD_WAIT_S_MAX))
}


def wait_ms(store: StoreName, failures: int, asked_s: int | None = None) -> int:
    """Milliseconds to wait after this many failures in a row; what the store asked for counts."""
    if asked_s is not None:
        return 1000 * min(asked_s, ASKED_WAIT_S_MAX)
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = max(1, failures)
    return int(1000 * _strategies[store](state))


def stream_wait_s(failures: int) -> float:
    """Seconds before a broken stream is opened again."""
    return wait_ms(ROUTER, failures) / 1000
