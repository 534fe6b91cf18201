"""How long the daemon waits after a failure; the kernel says how, these are the maxima."""

from __future__ import annotations

from typing import Final

from sentra.link import backoff
from syncd.daemon.operations.ports import CLOUD, ROUTER, StoreName

ROUTER_WAIT_S_MAX: Final = 5.0
"""The way back to the router is tried this often at least: asking costs one packet on the LAN."""

CLOUD_WAIT_S_MAX: Final = 15.0
"""A branch's tills come back within this after an outage, spread over it by the jitter."""

_MOST_S: Final[dict[StoreName, float]] = {ROUTER: ROUTER_WAIT_S_MAX, CLOUD: CLOUD_WAIT_S_MAX}


def wait_ms(store: StoreName, failures: int, asked_s: int | None = None) -> int:
    """Milliseconds to wait after this many failures in a row; what the store asked for counts."""
    return backoff.wait_ms(failures, most_s=_MOST_S[store], asked_s=asked_s)


def stream_wait_s(failures: int) -> float:
    """Seconds before a broken stream is opened again."""
    return wait_ms(ROUTER, failures) / 1000
