"""A branch that is open: its tills, and the processes of its router and of its daemon.

The tills' sales are committed here, in their vaults, as the till's program commits them. Everything
behind that is done by `sentra syncd daemon`, `sentra router` and `sentra syncd service`. One daemon
serves all tills of a branch, which is the worse case: they share one interpreter.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench import trade
from bench.cloud import Cloud, now_ms, running_cloud
from bench.programs import Program, ProgramFailed, free_port, running
from bench.trade import Trade
from sentra.events import Product
from sentra.vault import journal, watermarks
from sentra.vault.database import Vault
from sentra.vault.identity import Identity, write_identity

PRODUCTS: Final = 1_000

AT_ONCE: Final = 500
"""Sales in one transaction while a backlog is made."""

READY_S_MAX: Final = 120.0
_LOOK_EVERY_S: Final = 0.1


class Till:
    """One till: its vault, and customers that never end."""

    def __init__(
        self, folder: Path, identity: Identity, goods: Sequence[Product], seed: int
    ) -> None:
        self.folder, self.identity = folder, identity
        self.vault = Vault.open(folder)
        self._trade = Trade(identity, goods, seed)
        self._next = self._trade.sale()

    @property
    def next_id(self) -> str:
        """The id of the sale that `sell` commits next."""
        return self._next.sale_id

    def sell(self) -> None:
        """Commit one sale, as "pay" does."""
        with self.vault.writer() as db:
            journal.append(db, self.identity, self._next, now_ms())
        self._next = self._trade.sale()

    def sell_many(self, sales: int, *, sealed_singly: bool) -> None:
        """A backlog. `sealed_singly`: each was sent to the router when it was made."""
        for start in range(0, sales, AT_ONCE):
            with self.vault.writer() as db:
                for _ in range(min(AT_ONCE, sales - start)):
                    journal.append(db, self.identity, self._next, now_ms())
                    self._next = self._trade.sale()
                    if sealed_singly:
                        journal.seal_pending(db, self.identity)

    def has_reached(self, name: str) -> bool:
        """Whether the whole journal is there, by this till's own evidence."""
        with self.vault.reader() as db:
            return watermarks.watermark(db, name) == journal.head(db)

    def close(self) -> None:
        """Close the vault."""
        self.vault.close()


@dataclass(frozen=True, slots=True)
class Branch:
    """An open branch; `router` and `daemon` are its processes."""

    branch_id: str
    tills: Sequence[Till]
    router: Program
    daemon: Program

    def await_all(self, name: str) -> None:
        """Return when every till's journal is wholly at `name`. Raises ProgramFailed."""
        await_tills(self.tills, name, self.daemon, self.router)


@contextmanager
def fresh_cloud() -> Iterator[tuple[Cloud, Sequence[Product]]]:
    """A cloud in a folder that goes with it, and the goods that its back office knows."""
    with tempfile.TemporaryDirectory(prefix="sentra-bench-") as name:
        folder = Path(name)
        # PostgreSQL runs as another account where this one is root.
        folder.chmod(0o711)
        goods = trade.products(PRODUCTS, random.Random(1))
        with running_cloud(folder, goods) as cloud:
            yield cloud, goods


def await_tills(tills: Sequence[Till], name: str, *programs: Program) -> None:
    """Return when every journal is wholly at `name`. Raises ProgramFailed."""
    deadline_s = time.monotonic() + READY_S_MAX
    while not all(till.has_reached(name) for till in tills):
        ended = any(program.process.poll() is not None for program in programs)
        if ended or time.monotonic() > deadline_s:
            raise ProgramFailed("\n".join(program.log_end() for program in programs))
        time.sleep(_LOOK_EVERY_S)


def new_till(cloud: Cloud, branch_id: str, folder: Path, goods: Sequence[Product]) -> Till:
    """Enrolled, with nothing sold; its seed is the number that it got."""
    identity = cloud.enrol(folder, branch_id, "terminal")
    return Till(folder, identity, goods, seed=identity.number)


@contextmanager
def open_branch(
    cloud: Cloud, code: str, tills: int, goods: Sequence[Product], *, line: str | None = None
) -> Iterator[Branch]:
    """A new branch whose tills have each sold once, over the router into the cloud.

    `line` is the address at which it finds the cloud, where that is not the service's own.
    """
    branch_id, folder = cloud.add_branch(code), cloud.folder / code
    with ExitStack() as held:
        there = []
        for number in range(tills):
            till = new_till(cloud, branch_id, folder / f"till-{number}", goods)
            held.callback(till.close)
            there.append(till)
        if line is not None:
            for till in there:
                _reach_cloud_by(till.vault, till.identity, line)
        router = held.enter_context(_running_router(cloud, branch_id, folder / "router", line))
        daemon = held.enter_context(running_daemon(folder / "daemon.log", there))
        branch = Branch(branch_id, there, router, daemon)
        for till in there:
            till.sell()
        branch.await_all("router")
        branch.await_all("cloud")
        yield branch


@contextmanager
def running_daemon(log: Path, tills: Sequence[Till]) -> Iterator[Program]:
    """`sentra syncd daemon` beside these tills."""
    folders = [part for till in tills for part in ("--data", str(till.folder))]
    with running(log, "syncd", "daemon", *folders, environment={}) as program:
        yield program


@contextmanager
def _running_router(
    cloud: Cloud, branch_id: str, folder: Path, line: str | None
) -> Iterator[Program]:
    identity = cloud.enrol(folder, branch_id, "router")
    if line is not None:
        vault = Vault.open(folder)
        _reach_cloud_by(vault, identity, line)
        vault.close()
    port = free_port()
    arguments = ["router", "--host", "127.0.0.1", "--data", str(folder), "--port", str(port)]
    arguments += ["--page-port", str(free_port()), "--advertise", f"127.0.0.1:{port}"]
    log = folder.with_name("router.log")
    with running(log, *arguments, environment=dict(os.environ)) as program:
        yield program


def _reach_cloud_by(vault: Vault, identity: Identity, line: str) -> None:
    with vault.writer() as db:
        write_identity(db, replace(identity, cloud_url=line))
