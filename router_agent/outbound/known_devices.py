"""The branch's devices by the feed, decoded once for each state of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from router_agent.outbound import decisions
from sentra.events import Device
from sentra.vault.database import Vault
from sentra.web.devices import KnownDevice


@dataclass(frozen=True, slots=True)
class _Known:
    devices: tuple[Device, ...]
    terminals: Mapping[str, KnownDevice]


class KnownDevices:
    """Who may speak here. Threads share it: a state is replaced whole, never changed."""

    def __init__(self, vault: Vault, branch_id: str) -> None:
        self._vault, self._branch = vault, branch_id
        self._known = self._read()

    def renew(self) -> None:
        """The feed said something new."""
        self._known = self._read()

    def find_terminal(self, device_id: str) -> KnownDevice | None:
        """A terminal of this branch, revoked ones too; routers do not speak to routers."""
        return self._known.terminals.get(device_id)

    def all(self) -> tuple[Device, ...]:
        """Every device of the branch."""
        return self._known.devices

    def _read(self) -> _Known:
        with self._vault.reader() as db:
            devices = decisions.devices(db)
        terminals = {
            device.id: KnownDevice(
                device.id,
                device.role,
                self._branch,
                Ed25519PublicKey.from_public_bytes(bytes.fromhex(device.public_key)),
                revoked=device.revoked,
            )
            for device in devices
            if device.role == "terminal"
        }
        return _Known(tuple(devices), terminals)
