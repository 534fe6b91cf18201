"""All tickets of a file over all tills, in the order of their time."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pos_shell.replay.errors import ReplayError, TicketRefused, TillMissing
from pos_shell.replay.lane import Lane, SetClock
from pos_shell.replay.plan import sales_of, split_findings
from pos_shell.replay.tickets import Finding, Ticket, Tickets
from pos_shell.till import NotEnrolled, Till
from sentra.failures import Failure
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.failures import VaultFailure
from sentra.vault.lock import hold

FOLDER_DEPTH_MAX: Final = 3
"""How deep below a given folder tills are looked for: `branches/tills/vault.db`."""

WORKERS_MAX: Final = 4
"""Threads at work; more than a disk's queue gains nothing."""

Progress = Callable[[int, int], None]
Step = tuple[int, Lane, Ticket]
"""A ticket's place among those still to be recorded, in the order of time; its till, and itself."""


class CurrencyDiffers(ReplayError):
    """Tills of another currency than the one that the amounts were read in."""

    code = "replay-currency-differs"
    sentence = "The till “%(terminal)s” counts in %(found)s, the tickets were read as %(wanted)s."


class TillTwice(ReplayError):
    """Two folders whose tills bear the same names."""

    code = "replay-till-twice"
    sentence = "Two folders hold the till “%(terminal)s” of “%(branch)s”: %(first)s and %(second)s."


@dataclass(slots=True)
class Outcome:
    """What a replay did. `gross` in minor units, of what was recorded now."""

    recorded: int = 0
    lines: int = 0
    gross: int = 0
    skipped: int = 0
    findings: list[Finding] = field(default_factory=list)

    turn: threading.Lock = field(default_factory=threading.Lock)

    def took(self, ticket: Ticket) -> None:
        """Count a ticket that is in the books now."""
        with self.turn:
            self.recorded += 1
            self.lines += len(ticket.lines)
            self.gross += ticket.gross

    def skip(self) -> None:
        """Count a ticket that was in the books before."""
        with self.turn:
            self.skipped += 1

    def refused(self, ticket: Ticket, cause: Failure) -> None:
        """Count a ticket that is not, by each of its lines."""
        with self.turn:
            self.findings += (
                Finding(line.line, "ticket", ticket.number, cause, taken=False)
                for line in ticket.lines
            )


def till_folders(given: Sequence[Path]) -> Iterator[Path]:
    """The folders with a vault: those given, or the tills' below them."""
    for folder in given:
        if (folder / DATABASE_FILE).is_file():
            yield folder
            continue
        for depth in range(1, FOLDER_DEPTH_MAX + 1):
            pattern = "/".join(["*"] * depth + [DATABASE_FILE])
            yield from filter(_may_be_a_till, sorted(f.parent for f in folder.glob(pattern)))


def _may_be_a_till(folder: Path) -> bool:
    """Whether a folder that was come across is worth opening: routers stand beside their tills."""
    try:
        vault = Vault.open(folder)
    except VaultFailure:
        return True
    vault.close()
    return vault.role == "terminal"


def _today_ms() -> int:
    return time.time_ns() // 1_000_000


def _name(text: str) -> str:
    return " ".join(text.split()).casefold()


class Replay:
    """Tills opened for a replay; use as a context, so that their locks are given back."""

    def __init__(self, folders: Sequence[Path], currency: str) -> None:
        """`currency` is the code that the tickets' amounts were read in."""
        self._folders = folders
        self._currency = currency
        self._open = ExitStack()
        self._lanes: dict[tuple[str, str], Lane] = {}

    def __enter__(self) -> Replay:
        """Open every till. Raises AlreadyRunning, VaultFailure, CurrencyDiffers, TillTwice."""
        try:
            for folder in till_folders(self._folders):
                self._add(folder)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Close every till."""
        self._open.close()

    def _add(self, folder: Path) -> None:
        clock = SetClock(_today_ms())
        self._open.enter_context(hold(folder, "till"))
        till = Till(folder, clock, secrets.token_bytes, stored_clock=_today_ms)
        self._open.callback(till.close)
        identity = till.identity
        if identity.currency != self._currency:
            raise CurrencyDiffers(
                terminal=identity.name, found=identity.currency, wanted=self._currency
            )
        key = (_name(identity.branch_name), _name(identity.name))
        if key in self._lanes:
            raise TillTwice(
                terminal=identity.name,
                branch=identity.branch_name,
                first=self._lanes[key].till.folder,
                second=folder,
            )
        self._lanes[key] = Lane(till, clock)

    def run(self, read: Tickets, progress: Progress, rate: float | None = None) -> Outcome:
        """Record every ticket that is not in the books yet; `rate` in tickets a second.

        A ticket that a till refuses, or that has no till, is a finding; the others go on. Tills
        are divided over some threads, because each commit waits for its disk.
        """
        outcome = Outcome(findings=[*read.findings, *split_findings(read)])
        queue = self._queue(read, outcome)
        pace = _Pace(len(queue), progress, rate)
        lanes = list(self._lanes.values())
        workers = min(WORKERS_MAX, max(len(lanes), 1))
        worker_of = {id(lane): number % workers for number, lane in enumerate(lanes)}
        shares: list[list[Step]] = [[] for _ in range(workers)]
        place = 0
        for lane, ticket in queue:
            shares[worker_of[id(lane)]].append((place, lane, ticket))
            # What is in the books takes no time: a replay that was killed goes on where it was.
            place += not all(lane.has(sale) for sale in sales_of(ticket))
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(_work, share, outcome, pace) for share in shares]:
                done.result()
        for lane in lanes:
            lane.close()
        return outcome

    def _queue(self, read: Tickets, outcome: Outcome) -> list[tuple[Lane, Ticket]]:
        """Every ticket with its till, by its time; among equals as in the file."""
        queue = []
        for ticket in read.tickets:
            lane = self._lanes.get((_name(ticket.branch), _name(ticket.terminal)))
            if lane is None:
                cause = TillMissing(branch=ticket.branch, terminal=ticket.terminal)
                outcome.refused(ticket, cause)
                continue
            queue.append((lane.at_ms(ticket), lane, ticket))
        queue.sort(key=lambda entry: entry[0])
        return [(lane, ticket) for _at_ms, lane, ticket in queue]


class _Pace:
    """How far all threads are together, and when the next ticket is due."""

    def __init__(self, total: int, progress: Progress, rate: float | None) -> None:
        self._total, self._progress, self._rate = total, progress, rate
        self._done = 0
        self._began_s = time.monotonic()
        self._turn = threading.Lock()
        self.stopped = threading.Event()

    def wait(self, place: int) -> None:
        """Wait until the ticket at this place is due."""
        if self._rate:
            self.stopped.wait(max(0.0, self._began_s + place / self._rate - time.monotonic()))

    def step(self) -> None:
        """Count one ticket and tell."""
        with self._turn:
            self._done += 1
            self._progress(self._done, self._total)


def _work(share: Sequence[Step], outcome: Outcome, pace: _Pace) -> None:
    """Record one thread's tickets in order; a failure that a retry helps stops all threads."""
    try:
        for place, lane, ticket in share:
            pace.wait(place)
            if pace.stopped.is_set():
                return
            _record(lane, ticket, outcome)
            pace.step()
    except BaseException:
        pace.stopped.set()
        raise


def _record(lane: Lane, ticket: Ticket, outcome: Outcome) -> None:
    for sale in sales_of(ticket):
        if lane.has(sale):
            outcome.skip()
            continue
        try:
            lane.record(sale)
        except Failure as failure:
            if failure.retry or isinstance(failure, NotEnrolled):
                raise
            outcome.refused(sale, TicketRefused(reason=failure))
        else:
            outcome.took(sale)
