"""What the control page shows: samples of every till's backlog, taken once a second."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from demo.places import DevicePlace
from demo.stage import Stage
from sentra.vault import journal
from sentra.vault.database import Vault
from sentra.vault.failures import VaultFailure

SAMPLES = 180
"""Three minutes: long enough to see an outage rise and fall."""

CHART_WIDTH, CHART_HEIGHT = 600, 120
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TillNow:
    """One till: entries not yet at its router, not yet in the cloud, and the oldest."""

    name: str
    not_at_router: int
    not_in_cloud: int
    oldest_at_ms: int | None


@dataclass(frozen=True, slots=True)
class BranchNow:
    """One branch with its links. `points` draws its backlog as an SVG polyline."""

    name: str
    internet_cut: bool
    lan_cut: bool
    router_on: bool
    tills: tuple[TillNow, ...]
    waiting: int
    peak: int
    points: str


@dataclass(frozen=True, slots=True)
class PartNow:
    """One program. `running` False while it is off or starting again."""

    name: str
    running: bool
    wanted: bool
    crashes: int


class Watch(threading.Thread):
    """Looks into the tills' vaults, read only, once a second."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(name="watch", daemon=True)
        self._stage = stage
        self._vaults: dict[str, Vault] = {}
        self._now: dict[str, TillNow] = {}
        self._samples: dict[str, deque[int]] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until stopped; a till that cannot be read this time is read the next."""
        while not self._stopped.wait(1.0):
            for branch in list(self._stage.places.branches):
                tills = self._stage.places.of("terminal", branch)
                waiting = sum(self._look(place) for place in tills)
                self._samples.setdefault(branch, deque(maxlen=SAMPLES)).append(waiting)

    def _look(self, place: DevicePlace) -> int:
        try:
            vault = self._vaults.get(place.device_id)
            if vault is None:
                vault = self._vaults[place.device_id] = Vault.open(Path(place.folder))
            with vault.reader() as db:
                router, cloud = journal.backlog(db, "router"), journal.backlog(db, "cloud")
        except VaultFailure as failure:
            _log.warning("till not readable", till=place.name, reason=failure.code)
            return 0
        self._now[place.device_id] = TillNow(
            place.name, router.count, cloud.count, cloud.oldest_at_ms
        )
        return cloud.count

    def stop(self) -> None:
        """Ends the thread and closes the vaults."""
        self._stopped.set()
        self.join(timeout=3)
        for vault in self._vaults.values():
            vault.close()

    def branch(self, name: str) -> BranchNow:
        """A branch as it is now."""
        stage = self._stage
        samples = list(self._samples.get(name, ()))
        tills = [
            self._now.get(place.device_id, TillNow(place.name, 0, 0, None))
            for place in stage.places.of("terminal", name)
        ]
        router = next((p for p in stage.supervisor.parts if p.name == f"router {name}"), None)
        peak = max(samples, default=0)
        return BranchNow(
            name=name,
            internet_cut=stage.relays.get(f"internet {name}").cut,
            lan_cut=stage.relays.get(f"lan {name}").cut,
            router_on=router is not None and router.wanted,
            tills=tuple(tills),
            waiting=samples[-1] if samples else 0,
            peak=peak,
            points=_points(samples, peak),
        )

    def parts(self) -> tuple[PartNow, ...]:
        """Every program that the demo watches over."""
        return tuple(
            PartNow(part.name, part.running, part.wanted, part.crashes)
            for part in self._stage.supervisor.parts
        )


def _points(samples: Sequence[int], peak: int) -> str:
    """An SVG polyline of the samples, the newest at the right edge."""
    step = CHART_WIDTH / (SAMPLES - 1)
    offset = CHART_WIDTH - (len(samples) - 1) * step
    scale = (CHART_HEIGHT - 8) / max(peak, 1)
    return " ".join(
        f"{offset + place * step:.1f},{CHART_HEIGHT - 4 - value * scale:.1f}"
        for place, value in enumerate(samples)
    )
