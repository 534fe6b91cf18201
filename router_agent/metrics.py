"""What Prometheus reads of the routers in this process, each by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import Counter, Gauge

TAKEN: Final = Counter("sentra_router_entries_taken_total", "Entries taken from tills", ("router",))
ODD: Final = Counter(
    "sentra_router_journals_odd_total",
    "Journals that were not simply appended",
    ("router", "outcome", "problem"),
)
FORWARDED: Final = Counter(
    "sentra_router_entries_forwarded_total", "Entries that are new in the cloud", ("router",)
)
REFUSED: Final = Counter(
    "sentra_router_journals_refused_total",
    "Journals that the cloud set aside",
    ("router", "problem"),
)
FORGOTTEN: Final = Counter(
    "sentra_router_segments_forgotten_total", "Archived segments dropped for their age", ("router",)
)
TURNS_FAILED: Final = Counter(
    "sentra_router_trunk_failures_total", "Turns of the trunk that failed", ("router", "problem")
)
CLAIMS: Final = Counter(
    "sentra_router_claims_total",
    "Claims of tills on what the branch shares",
    ("router", "kind", "outcome"),
)

_GAUGES: Final = {
    "trunk_up": Gauge("sentra_router_trunk_up", "1 while the cloud answers", ("router",)),
    "waiting": Gauge("sentra_router_backlog_entries", "Entries not in the cloud", ("router",)),
    "oldest_age_s": Gauge(
        "sentra_router_backlog_oldest_age_seconds", "Age of the oldest of them", ("router",)
    ),
    "streams": Gauge("sentra_router_streams", "Tills that wait for a word", ("router",)),
    "disk_free": Gauge(
        "sentra_router_disk_free_bytes", "Free space of the data folder", ("router",)
    ),
}


def watch(router: str, readings: Mapping[str, Callable[[], float]]) -> None:
    """Shows these readings, taken at each scrape; the names are those of `_GAUGES`."""
    for name, read in readings.items():
        _GAUGES[name].labels(router).set_function(read)


def forget(router: str) -> None:
    """The router ended: nothing is read from it any more."""
    for gauge in _GAUGES.values():
        gauge.remove(router)
