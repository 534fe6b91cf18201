"""Where a demo keeps its things, and which ports it takes."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

PLACES = "places.json"
"""The file in the demo's folder that holds all this."""

PORT_TRIES = 200
"""How many ports behind the preferred one are tried before any free one is taken."""


@dataclass(slots=True)
class DevicePlace:
    """An enrolled device: its folder, and what the sign-in table says of it."""

    device_id: str
    role: str
    branch: str
    name: str
    folder: str


@dataclass(slots=True)
class Places:
    """What a second start needs to know. Ports by the name of their part."""

    ports: dict[str, int] = field(default_factory=dict)
    devices: list[DevicePlace] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    sign_ins: list[dict[str, str]] = field(default_factory=list)
    addresses: list[dict[str, str]] = field(default_factory=list)
    secret: str = ""
    owner_password: str = ""
    ready: bool = False

    def of(self, role: str, branch: str | None = None) -> list[DevicePlace]:
        """The devices of a role, in one branch or in all."""
        found = [device for device in self.devices if device.role == role]
        return [device for device in found if branch is None or device.branch == branch]


def load(path: Path) -> Places:
    """The places of an earlier start, or none."""
    if not path.exists():
        return Places()
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["devices"] = [DevicePlace(**device) for device in kept["devices"]]
    return Places(**kept)


def save(path: Path, places: Places) -> None:
    """Whole or not at all; mode 0600, since it holds the demo's session secret."""
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(asdict(places), indent=1), encoding="utf-8")
    part.replace(path)


def free_port(preferred: int, taken: set[int]) -> int:
    """The preferred port of loopback, or the next one that is free and not promised already."""
    for port in range(preferred, preferred + PORT_TRIES):
        if port not in taken and _is_free(port):
            return port
    return any_port()


def any_port() -> int:
    """A port of loopback that nobody else is likely to choose at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
