"""A terminal: the till's own actions and the daemon's own turns, on one disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pos_shell.till import Till
from sentra.events import Device
from sentra.link.client import Link
from sentra.protocol.entry import EMPTY
from sentra.vault import journal
from sentra.vault.archived import WINDOW_DAYS_DEFAULT
from sentra.vault.database import Vault
from sentra.vault.failures import VaultFailure
from sentra.vault.head_file import read_head_file, write_head_file
from sentra.vault.identity import Identity, write_identity
from simulation.cloud import ADDRESS, VERSION
from simulation.disks import looking, present_identity
from simulation.machines import Machine, Site
from simulation.power import Life, PowerCut
from syncd.daemon.inbound.branch_desk import BranchDesk
from syncd.daemon.inbound.house import House
from syncd.daemon.inbound.status import StatusNote
from syncd.daemon.inbound.turn import Turner
from syncd.daemon.outbound.lines import ADDRESSES_MAX, Lines
from syncd.daemon.outbound.shelf import VaultShelf

TIMER_MS: Final = 1_000


class WireLines(Lines):
    """The daemon's lines over the simulated network."""

    def __init__(self, machine: Machine, identity: Identity) -> None:
        super().__init__(identity, machine.clock, machine.dice.randbytes)
        self._machine, self._made = machine, dict[tuple[str, str | None], Link]()

    def cloud(self) -> Link:
        """The link to the cloud."""
        return self._to(ADDRESS, None)

    def routers(self, devices: Sequence[Device]) -> list[Link]:
        """Links to every address of every router, by the name in its certificate."""
        places = [(at, f"{one.id}.router.sentra") for one in devices for at in one.addresses]
        return [self._to(*place) for place in places[:ADDRESSES_MAX]]

    def _to(self, address: str, server_name: str | None) -> Link:
        place = (address, server_name)
        if place not in self._made:
            self._made[place] = self._machine.link(self._identity, *place)
        return self._made[place]


class Daemon:
    """The sync daemon of one till, a turn at a time."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.life = Life(f"{machine.name}'s daemon")
        self._grid = machine.site.grid
        with self._grid.run(self.life):
            self.vault = Vault.open(folder)
            with self.vault.reader() as db:
                identity = present_identity(db)
            clock, ticks = machine.clock, machine.site.time.ticks
            shelf = VaultShelf(self.vault, identity, pause=lambda _seconds: None)
            shares = machine.site.shares
            self._turner = Turner(
                shelf,
                WireLines(machine, identity),
                clock=clock,
                ticks=ticks,
                version=VERSION,
                stopped=lambda: False,
                desk=BranchDesk(self.vault, clock=clock, ticks=ticks) if shares else None,
            )
            self._status = StatusNote(self.vault, shelf, clock=clock, ticks=ticks)
            self._shares = shares
            self._clock = machine.clock
            self._house = House(
                self.vault,
                identity,
                WINDOW_DAYS_DEFAULT,
                machine.site.time.ticks,
                pause=lambda _seconds: None,
            )

    def take_turn(self, word: str | None = None) -> str:
        """One turn, perhaps after a store's word (`feed`, `head`); who carried it and what a person
        should see. Raises PowerCut."""
        if word is not None:
            self._turner.wake(word)
        with self._grid.run(self.life):
            try:
                self._turner.take(TIMER_MS)
                if self._shares:
                    # The till asks only a router of which its daemon has lately said that it
                    # carries.
                    self._status.write(self._turner)
                self._house.keep(self._clock())
            except VaultFailure as failure:
                return failure.code
        notice = self._turner.notice
        return f"via {self._turner.via}" + (f", {notice}" if notice else "")

    @property
    def notice(self) -> str | None:
        """What a person should see."""
        return self._turner.notice


@dataclass(frozen=True, slots=True)
class Shown:
    """A sale that the screen showed as paid. `amount`: what the tenders came to, minor units."""

    sale_id: str
    total: int
    amount: int


class TerminalMachine(Machine):
    """The till's machine. `shown` is what its screen said, which nobody may take back, `in_books`
    the ids of those that fork lanes alone hold; `held` are the sales whose
    carts it said to be on hold, `taken_over` how many it took from other tills.

    `is_cloned`: another machine uses its identity too. `image` is a copy of its disk. `left` are
    the hashes of what it had written when its disk was put back, `restores` how often that was.
    """

    def __init__(
        self, site: Site, name: str, branch: int, identity: Identity, disk: Path | None = None
    ) -> None:
        """`disk` is that of the machine of which this one is a clone."""
        super().__init__(site, name)
        self.branch, self.identity = branch, identity
        self.shown: list[Shown] = []
        self.in_books: set[str] = set()
        self.paying: str | None = None
        self.revoked = False
        self.restores = 0
        self.held: list[str] = []
        self.taken_over = 0
        self.image: Path | None = None
        self.left: set[bytes] = set()
        self.is_cloned = disk is not None
        if disk is not None:
            self.folder = site.disks.after_cut(disk, name)
        else:
            self.folder = site.disks.new("terminal", name)
            with looking(self.folder) as db:
                write_identity(db, identity)
        self.switch_on()

    def switch_on(self) -> None:
        """Start till and daemon."""
        self.life = Life(self.name)
        with self.site.grid.run(self.life):
            self.till = Till(self.folder, self.clock, self.dice.randbytes)
            self.till.pause = self._while_the_till_waits
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start the daemon."""
        self.daemon = Daemon(self, self.folder)

    def _while_the_till_waits(self, _seconds: float) -> None:
        """The daemon was woken by the till's question; it may die over it."""
        try:
            self.daemon.take_turn()
        except PowerCut as cut:
            if cut.life is not self.daemon.life:
                raise
            self.kill_daemon()

    def kill_daemon(self) -> None:
        """The daemon's process dies and is started again; the till goes on."""
        self.daemon.life.end()
        self.daemon.vault.close()
        self.start_daemon()

    def lose_power(self) -> None:
        """Both programs die, and start again from what is on the disk."""
        self._change_disk(self.folder)
        self.switch_on()

    def take_image(self) -> None:
        """A technician copies the disk, in place of an earlier copy."""
        if self.image is not None:
            self.site.disks.drop(self.image)
        self.image = self.site.disks.after_cut(self.folder, f"{self.name}-image")

    def lines_left(self) -> set[bytes]:
        """The hashes of entries that it wrote and that its journal holds no more: it was put back,
        or took up another line since."""
        with looking(self.folder) as db:
            aside = {held for (held,) in db.execute("SELECT hash FROM abandoned_entry")}
        return self.left | aside

    def put_back(self, image: Path, *, whole: bool) -> None:
        """The disk becomes again what the image says; or its database alone, so that the head
        noted beside it stays. Then both programs start."""
        self.left = self.lines_left()
        with looking(self.folder) as db:
            self.left |= {entry.hash for entry in journal.entries(db, EMPTY, -1)}
            self.left |= {held for (held,) in db.execute("SELECT base_hash FROM journal_epoch")}
        head = None if whole else read_head_file(self.folder)
        self._change_disk(image)
        if head is not None:
            write_head_file(self.folder, head)
        self.restores += 1
        self.paying = None
        self.switch_on()

    def _change_disk(self, source: Path) -> None:
        """Both programs die; what is on `source` is what they will find."""
        self.life.end()
        self.daemon.life.end()
        folder, self.folder = self.folder, self.site.disks.after_cut(source, self.name)
        self.till.close()
        self.daemon.vault.close()
        self.site.disks.drop(folder)
