"""A branch's router: the production router without its threads and sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from flask import Flask, got_request_exception

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from router_agent.inbound.streams import Streams
from router_agent.inbound.trunk_loop import TrunkLoop, TrunkParts
from router_agent.outbound.known_devices import KnownDevices
from router_agent.outbound.ledger import Ledger
from router_agent.outbound.orders import Orders
from router_agent.outbound.refund_claims import RefundClaims
from router_agent.outbound.roll_call import RollCall
from router_agent.outbound.schema import ROOMS
from router_agent.outbound.shelf import VaultShelf
from router_agent.outbound.waiting_sums import WaitingSums
from sentra.link.client import Link
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity
from simulation.cloud import ADDRESS, VERSION
from simulation.disks import looking, present_identity
from simulation.machines import Machine, Site
from simulation.power import Life
from simulation.wire import Answer, Request, ask

FAULT: Final = "fault"
"""What the trunk calls an error of our own; everything else has a name."""


class SteppedTrunk(TrunkLoop):
    """The trunk's loop, a turn at a time in the caller's thread."""

    def __init__(self, parts: TrunkParts) -> None:
        super().__init__(parts)
        self.faults: list[str] = []

    def take_turn(self, *, woken: bool) -> str:
        """One turn; what came of it in a word."""
        if woken:
            self.try_now()
            self._urgent.clear()
            self._hello_asked.set()
        self._take_turn()
        return self.state.problem or self.state.disk_problem or "answered"

    def _guarded(self, problem: str, error: Exception) -> float:
        if problem == FAULT:
            self.faults.append(f"error in a turn of the trunk: {type(error).__name__}: {error}")
        return super()._guarded(problem, error)


class SimulatedRouter(Router):
    """The router's parts, put together for one thread."""

    trunk: SteppedTrunk

    def __init__(self, machine: Machine, folder: Path, identity: Identity) -> None:
        # The parent's constructor takes the folder's lock, which a dead program would keep here.
        self.settings = RouterSettings(folder=folder)
        self.clock, self.version = machine.clock, VERSION
        self.identity = identity
        self._machine = machine
        self.vault = Vault.open(folder, ROOMS)
        self._build()

    def _build(self) -> None:
        identity = self.identity
        self.devices = KnownDevices(self.vault, identity.branch_id)
        self.shelf = VaultShelf(self.vault, identity, decided=self.devices.renew)
        self.streams, self.sums = Streams(), WaitingSums()
        self.roll_call = RollCall(self.vault)
        self.orders = Orders(self.vault, self._machine.site.time.ticks)
        self.ledger = Ledger(self.vault)
        self.refunds = RefundClaims(self.vault, self._machine.site.time.ticks)
        self.trunk = SteppedTrunk(
            TrunkParts(
                vault=self.vault,
                identity=identity,
                link=self._link(),
                shelf=self.shelf,
                streams=self.streams,
                sums=self.sums,
                roll_call=self.roll_call,
                clock=self.clock,
                ticks=self._machine.site.time.ticks,
                version=self.version,
            )
        )
        self.trunk.addresses = (self._machine.address,)

    def _link(self) -> Link:
        return self._machine.link(self.identity, ADDRESS)


class RouterMachine(Machine):
    """The mini PC: a disk, a program, and an address at which tills find it.

    `identity` is what the present disk says; a new disk means a new device.
    """

    def __init__(self, site: Site, name: str, branch: int) -> None:
        super().__init__(site, name)
        self.branch = branch
        self.life = Life(name)
        self.faults: list[str] = []
        self.identity: Identity | None = None
        self.router: SimulatedRouter | None = None
        self.folder = Path()
        self._app: Flask | None = None

    @property
    def is_up(self) -> bool:
        """Whether its program runs."""
        return self.router is not None

    @property
    def server_name(self) -> str | None:
        """The name in its certificate."""
        return None if self.identity is None else f"{self.identity.device_id}.router.sentra"

    def install(self, identity: Identity) -> None:
        """A new, empty disk with an identity, and the program on it."""
        self.switch_off()
        self.folder = self.site.disks.new("router", self.name)
        self.identity = identity
        with looking(self.folder) as db:
            write_identity(db, identity)
        self.switch_on()

    def switch_on(self) -> None:
        """Start the program, where it does not run."""
        if self.router is not None or self.identity is None:
            return
        life = self.life = Life(self.name)
        with looking(self.folder) as db:
            identity = present_identity(db)
        with self.site.grid.run(life):
            self.router = SimulatedRouter(self, self.folder, identity)
            self._app = self.router.app(tls=True)
            got_request_exception.connect(self._note, self._app)

    def switch_off(self) -> None:
        """The power goes between two statements; what was committed is on the disk."""
        if self.router is None:
            return
        self.life.end()
        folder, self.folder = self.folder, self.site.disks.after_cut(self.folder, self.name)
        self.router.vault.close()
        self.site.disks.drop(folder)
        self.router, self._app = None, None

    def lose_power(self) -> None:
        """It died while it answered; somebody has to switch it on again."""
        self.switch_off()

    def answer(self, request: Request) -> Answer:
        """The router's answer. Raises PowerCut."""
        if self._app is None:
            raise RuntimeError("nobody asks a router that is off")
        with self.site.grid.run(self.life):
            return ask(self._app, request)

    def take_turn(self, *, woken: bool) -> str:
        """One turn of the trunk; what came of it in a word. Raises PowerCut."""
        if self.router is None:
            return "off"
        with self.site.grid.run(self.life):
            said = self.router.trunk.take_turn(woken=woken)
        self.faults += self.router.trunk.faults
        self.router.trunk.faults.clear()
        return said

    def _note(self, _app: Flask, *, exception: Exception, **_: Any) -> None:
        self.faults.append(f"error in {self.name}: {type(exception).__name__}: {exception}")
