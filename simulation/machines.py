"""What every machine has: a name, a clock, randomness of its own, and lines to others."""

from __future__ import annotations

import random
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.ids import RANDOM_BYTES, uuid7
from sentra.link.client import Link
from sentra.vault.identity import Identity
from simulation.clocks import MachineClock, TrueTime
from simulation.disks import Disks
from simulation.network import Network
from simulation.power import Grid
from simulation.trace import Trace
from simulation.wire import as_pool


@dataclass(frozen=True, slots=True)
class Site:
    """What all machines of a run share. `shares`: tills pass carts on through their router."""

    seed: int
    time: TrueTime
    grid: Grid
    network: Network
    trace: Trace
    disks: Disks
    shares: bool = False


class Machine:
    """One machine; programs on it come and go."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.name = site, name
        self.clock = MachineClock(site.time)
        self.dice = random.Random(f"{site.seed} {name}")

    @property
    def address(self) -> str:
        """Where others find it."""
        return f"{self.name}.simulated:443"

    def new_id(self) -> str:
        """A fresh id of this moment."""
        return uuid7(self.site.time.now_ms, self.dice.randbytes(RANDOM_BYTES))

    def new_key(self) -> Ed25519PrivateKey:
        """A key of this machine's own."""
        return Ed25519PrivateKey.from_private_bytes(self.dice.randbytes(32))

    def link(self, identity: Identity, address: str, server_name: str | None = None) -> Link:
        """This device's line to a store."""
        return Link(
            address,
            server_name=server_name,
            anchors=identity.anchors,
            device_id=identity.device_id,
            key=identity.private_key,
            clock=self.clock,
            random_bytes=self.dice.randbytes,
            pool=as_pool(self.site.network.pool(self.name, address, server_name)),
        )
