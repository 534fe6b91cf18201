"""Who may speak: devices from PostgreSQL, remembered for some seconds by each process."""

from __future__ import annotations

from typing import Final

from sentra.ids import is_id
from sentra.instants import Clock
from sentra.web.devices import KnownDevice
from syncd.service.outbound import device_store
from syncd.service.outbound.threads import Lane

REMEMBERED_MS: Final = 5_000
"""A revoked device still reads the feed for so long; its key never changes."""

REMEMBERED_MAX: Final = 20_000
"""Devices that one process remembers: as many as it serves, about 20 MB."""


class KnownDevices:
    """Looks devices up for one process."""

    def __init__(self, lane: Lane, clock: Clock) -> None:
        self._lane = lane
        self._clock = clock
        self._found: dict[str, tuple[int, KnownDevice]] = {}

    def find(self, device_id: str) -> KnownDevice | None:
        """The enrolled device of an id, or None. Raises TooBusy, DatabaseAway."""
        now_ms = self._clock()
        until_ms, found = self._found.get(device_id, (0, None))
        if found is not None and until_ms > now_ms:
            return found
        if not is_id(device_id):
            return None
        device = self._lane.run(lambda connection: device_store.find_device(connection, device_id))
        if device is not None:
            if len(self._found) >= REMEMBERED_MAX:
                self._found.clear()
            self._found[device_id] = (now_ms + REMEMBERED_MS, device)
        return device
