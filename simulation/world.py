"""A company with its branches, machines and people, as one plan begins with it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pos_shell.payment.actions import is_recorded
from pos_shell.sale.store import load_cart
from router_agent.outbound import store
from sentra.cloud.objects import LocalObjects
from sentra.protocol.entry import Head
from simulation.cloud import ADDRESS, Cloud
from simulation.disks import looking
from simulation.machines import Machine, Site
from simulation.network import FAIR
from simulation.office import Branch, Office
from simulation.plan import Plan, Step
from simulation.power import Life
from simulation.router import RouterMachine
from simulation.terminal import TerminalMachine
from simulation.whereabouts import sales_aside, sales_within_reach

SETTLE_MS: int = 31_000
"""Between two rounds: every wait of an orderly world is over, and everybody says hello again."""

TILLS_MAX: int = 12


@dataclass(frozen=True, slots=True)
class Buried:
    """What had been acknowledged, and rightly: by a router before its disk died, or by the cloud,
    behind which a router's journal may begin, before it was restored."""

    heads: dict[str, Head]


@dataclass(frozen=True, slots=True)
class Stick:
    """A folder that is carried about. What is packed for one branch lies on its own sticks."""

    branch: int
    folder: Path


@dataclass
class World:
    """Everything of one run."""

    site: Site
    cloud: Cloud
    office: Office
    terminals: list[TerminalMachine] = field(default_factory=list)
    routers: list[RouterMachine] = field(default_factory=list)
    buried: list[Buried] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    sticks: list[Stick] = field(default_factory=list)

    def build(self, plan: Plan) -> None:
        """Found the company, set the machines up, and let each till have its first feed."""
        self.site.network.servers[ADDRESS] = self.cloud
        self.office.found(len(plan.branches))
        with self.office.telling_together():
            for number, shape in enumerate(plan.branches):
                for _ in range(shape.routers):
                    self.add_router(number)
                for _ in range(shape.tills):
                    self.add_terminal(number)
        for router in self.routers:
            router.take_turn(woken=True)
        for terminal in self.terminals:
            terminal.daemon.take_turn()

    def branch_of(self, machine: TerminalMachine | RouterMachine) -> Branch:
        """Where a machine stands."""
        return self.office.branches[machine.branch]

    def begin_step(self, dice: random.Random) -> None:
        """What happens to the requests of a step hangs on its dice; it has to end some time."""
        self.site.network.begin_step(dice)
        self.site.grid.begin_step()

    # -- who does something -------------------------------------------------------------------

    def terminal(self, step: Step) -> TerminalMachine:
        """The terminal that a step means."""
        return step.pick(self.terminals)

    def router(self, step: Step) -> RouterMachine | None:
        """The router that a step means; None where there is none at all."""
        return step.pick(self.routers) if self.routers else None

    def machines(self) -> list[Machine]:
        """Terminals and routers."""
        return [*self.terminals, *self.routers]

    def lives(self) -> list[Life]:
        """Every program that runs."""
        tills = [life for one in self.terminals for life in (one.life, one.daemon.life)]
        return [*tills, *(one.life for one in self.routers if one.is_up), self.cloud.life]

    def lines(self) -> list[tuple[str, str]]:
        """Every line that can be cut: (who asks, where)."""
        found = [(machine.name, ADDRESS) for machine in self.machines()]
        for one in self.terminals:
            near = (router for router in self.routers if router.branch == one.branch)
            found += [(one.name, router.address) for router in near]
        return found

    # -- machines come and go -----------------------------------------------------------------

    def add_terminal(self, branch: int) -> TerminalMachine:
        """A new terminal, enrolled and empty."""
        name = f"till-{len(self.terminals) + 1}"
        key = Machine(self.site, f"{name} key").new_key()
        identity = self.office.add_device(self.office.branches[branch], "terminal", key)
        terminal = TerminalMachine(self.site, name, branch, identity)
        self.terminals.append(terminal)
        return terminal

    def add_router(self, branch: int) -> RouterMachine:
        """A new router."""
        router = RouterMachine(self.site, f"router-{len(self.routers) + 1}", branch)
        self.site.network.servers[router.address] = router
        self.routers.append(router)
        self._enrol(router)
        return router

    def replace_disk(self, router: RouterMachine) -> None:
        """The router's disk dies; a technician enrols a new device in its place."""
        if router.identity is not None:
            router.switch_off()
            with looking(router.folder) as db:
                heads = {state.terminal: state.here for state in store.journals(db)}
            self.buried.append(Buried(heads))
            self.office.revoke(router.identity.device_id)
        self._enrol(router)
        self._mourn()

    def put_back(self, terminal: TerminalMachine, *, whole: bool) -> None:
        """A terminal's disk becomes its image again."""
        if terminal.image is not None:
            terminal.put_back(terminal.image, whole=whole)
            self._mourn()

    def clone(self, terminal: TerminalMachine) -> TerminalMachine:
        """Somebody makes a second machine of a terminal's disk, and works on both."""
        name = f"till-{len(self.terminals) + 1}"
        identity, disk = terminal.identity, terminal.folder
        other = TerminalMachine(self.site, name, terminal.branch, identity, disk)
        terminal.is_cloned = True
        other.revoked = terminal.revoked
        self.terminals.append(other)
        return other

    def archive(self) -> int:
        """The worker archives what the cloud has; how many segments."""
        return self.cloud.archive(LocalObjects(self.site.disks.archive))

    def restore_cloud(self) -> None:
        """The cloud's database becomes its backup again."""
        self.buried.append(Buried(self.cloud.heads()))
        self.cloud.restore()
        self.office.go_back()
        self._mourn()

    def _mourn(self) -> None:
        """What was on one disk alone, and on none any more, nobody can bring back. It is looked
        for on all disks: of a terminal that was never put back, its own has everything."""
        self.note_lanes()
        for terminal in self.terminals:
            if terminal.restores:
                near = sales_within_reach(terminal, self.routers, self.cloud.engine)
                aside = sales_aside(terminal, self.routers, self.cloud.engine)
                terminal.shown = [one for one in terminal.shown if one.sale_id in near]
                terminal.in_books &= near | aside

    def note_lanes(self) -> None:
        """What only fork lanes still hold is in the books, and does not come back to its terminal:
        a disk was lost, or what somebody carried to a router took the place of its line. What is
        nowhere stays in question: carrying loses nothing."""
        for terminal in self.terminals:
            if terminal.restores:
                near = sales_within_reach(terminal, self.routers, self.cloud.engine)
                aside = sales_aside(terminal, self.routers, self.cloud.engine)
                beside = {one.sale_id for one in terminal.shown} & (aside - near)
                terminal.in_books |= beside
                terminal.shown = [one for one in terminal.shown if one.sale_id not in beside]

    def _enrol(self, router: RouterMachine) -> None:
        identity = self.office.add_device(
            self.office.branches[router.branch], "router", router.new_key(), (router.address,)
        )
        router.install(identity)

    # -- power --------------------------------------------------------------------------------

    def cut(self, life: Life, dice: random.Random) -> str:
        """The power went while a program worked for itself; what died."""
        for terminal in self.terminals:
            if life is terminal.daemon.life and dice.random() < 0.5:
                terminal.kill_daemon()
                return f"{life.name} is killed"
            if life in (terminal.life, terminal.daemon.life):
                self.restart(terminal)
                return f"{terminal.name} loses its power"
        for router in self.routers:
            if life is router.life:
                router.lose_power()
                return f"{router.name} loses its power"
        raise RuntimeError(f"{life.name} is nobody's")

    def restart(self, terminal: TerminalMachine) -> None:
        """A power cut at a till: afterwards the sale is there, or its cart is offered again."""
        terminal.lose_power()
        paying, terminal.paying = terminal.paying, None
        if paying is None:
            return
        branch_id = terminal.identity.branch_id
        with looking(terminal.folder) as db:
            cart = load_cart(db)
            offered = cart is not None and cart.sale_id == paying
            if is_recorded(db, branch_id, paying) == offered:
                there = "both paid and open" if offered else "gone"
                self.broken.append(f"I1 {terminal.name}: the cart in payment is {there}")

    # -- the end ------------------------------------------------------------------------------

    def heal(self) -> None:
        """All faults stop. Clocks stay as wrong as they are: that is nobody's fault."""
        self.site.network.weather, self.site.network.alter = FAIR, None
        self.site.network.down.clear()
        self.site.disks.full.clear()
        self.cloud.troubles.clear()
        for life in self.lives():
            life.cut_in, life.dying = None, False
        for router in self.routers:
            router.switch_on()

    def everybody(self) -> None:
        """Each daemon and each trunk takes a turn."""
        for terminal in self.terminals:
            terminal.daemon.take_turn("feed")
        for router in self.routers:
            router.take_turn(woken=True)

    def faults(self) -> Iterator[str]:
        """What no program should have done, whatever happened to it."""
        yield from self.broken
        yield from self.cloud.faults
        for router in self.routers:
            yield from router.faults
        yield from self.site.network.faults

    def close(self) -> None:
        """The end of the run."""
        for terminal in self.terminals:
            terminal.till.close()
            terminal.daemon.vault.close()
        for router in self.routers:
            if router.router is not None:
                router.router.vault.close()
        self.cloud.close()
