"""One till's thread: woken by its vault, its store and a timer, it takes turns until stopped."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

import structlog

from sentra.failures import Failure
from sentra.instants import Clock
from sentra.protocol.entry import Head
from sentra.vault.archived import WINDOW_DAYS_DEFAULT
from sentra.vault.aside import note_drained
from sentra.vault.database import DATABASE_FILE, Vault
from sentra.vault.epochs import secure_head
from sentra.vault.failures import VaultFailure, VaultMissing
from sentra.vault.head_file import sync_head_file
from sentra.vault.identity import Identity, read_identity
from syncd.daemon.failures import NotATill
from syncd.daemon.inbound.branch_desk import BranchDesk
from syncd.daemon.inbound.house import House
from syncd.daemon.inbound.listen import Listener
from syncd.daemon.inbound.status import StatusNote
from syncd.daemon.inbound.turn import Turner
from syncd.daemon.outbound.lines import Lines
from syncd.daemon.outbound.shelf import VaultShelf

FAULT_WAIT_MS: Final = 2_000
"""After a busy vault, a full disk or a fault of ours: both pass, neither is worth a hot loop."""

SETTLE_MS: Final = (3, 3, 4, 10, 30, 200, 1_000)
"""After a change on disk it is looked again after each of these: the system tells of the write, and
what was written can be read only once it was synced, which takes some milliseconds, and now and
then a second. A look costs some 30 µs."""

UNENROLLED_WAIT_MS: Final = 1_000
"""How often a folder without an identity is looked at."""

_log = structlog.get_logger(__name__)


class TillLoop(threading.Thread):
    """Serves one data folder until stopped.

    `failure` is what ended it, where that is nothing that passes by itself. `is_aside`: the vault
    was set aside; the loop ends when everything of it is sent.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        ticks: Clock,
        timer_ms: int,
        version: str,
        is_aside: bool = False,
        keep_days: int = WINDOW_DAYS_DEFAULT,
    ) -> None:
        super().__init__(name=folder.name, daemon=True)
        self.folder = folder
        self._clock, self._ticks = clock, ticks
        self._timer_ms, self._version = timer_ms, version
        self._stopping = threading.Event()
        self._moved = threading.Event()
        self._disk_moved = self._store_moved = False
        self._looks: tuple[int, ...] = ()
        self._seen_change: int | None = None
        self._turner: Turner | None = None
        self._lines: Lines | None = None
        self._synced_head: Head | None = None
        self.failure: Failure | None = None
        self.turned = False
        self.is_aside = is_aside
        self._keep_days = keep_days
        self._house: House | None = None

    def wake(self) -> None:
        """The vault changed: look now, and again when it has settled."""
        self._disk_moved = True
        self._moved.set()

    def wake_from_store(self, event: str) -> None:
        """The store said that something moved there."""
        if self._turner is not None:
            self._turner.wake(event)
        self._store_moved = True
        self._moved.set()

    def stop(self) -> None:
        """Ends the loop after its present step."""
        self._stopping.set()
        self._moved.set()
        if self._lines is not None:
            self._lines.close()

    def run(self) -> None:
        """Waits for the enrolment, then serves; a failure that does not pass ends it."""
        structlog.contextvars.bind_contextvars(folder=str(self.folder))
        try:
            while not self._stopping.is_set():
                found = self._await_identity()
                if found is None:
                    break
                vault, identity = found
                structlog.contextvars.bind_contextvars(terminal=identity.device_id)
                try:
                    self._serve(vault, identity)
                finally:
                    vault.close()
                if self.is_aside:
                    break
        except Failure as failure:
            self.failure = failure
            _log.error("the folder cannot be served", code=failure.code, detail=str(failure))

    def _await_identity(self) -> tuple[Vault, Identity] | None:
        """The folder's vault and identity once there are both; None when stopped before."""
        said = False
        while not self._stopping.is_set():
            try:
                vault = Vault.open(self.folder)
            except VaultFailure as failure:
                if not (failure.retry or isinstance(failure, VaultMissing)):
                    raise
                detail = str(failure)
            else:
                with vault.reader() as db:
                    identity = read_identity(db)
                if identity is not None and identity.role == "terminal":
                    return vault, identity
                vault.close()
                if identity is not None:
                    raise NotATill(folder=self.folder)
                detail = "it has no identity yet"
            if not said:
                _log.warning("waiting for the enrolment", detail=detail)
                said = True
            self._moved.wait(UNENROLLED_WAIT_MS / 1000)
            self._moved.clear()
        return None

    def _serve(self, vault: Vault, identity: Identity) -> None:
        if secure_head(vault, self._clock()):
            _log.warning("an old copy of the vault was put back")
        self._lines = Lines(identity, self._clock, os.urandom)
        shelf = VaultShelf(vault, identity)
        turner = self._turner = Turner(
            shelf,
            self._lines,
            clock=self._clock,
            ticks=self._ticks,
            version=self._version,
            stopped=self._stopping.is_set,
            desk=None if self.is_aside else BranchDesk(vault, clock=self._clock, ticks=self._ticks),
        )
        if not self.is_aside:
            self._house = House(vault, identity, self._keep_days, self._ticks)
        status = StatusNote(vault, shelf, clock=self._clock, ticks=self._ticks)
        listener = Listener(self.name, self.wake_from_store, self._stopping)
        listener.start()
        _log.info("serving", name=identity.name, branch=identity.branch_code)
        opened = _file_number(vault.folder)
        try:
            while not self._stopping.is_set() and _file_number(vault.folder) == opened:
                self._wait(self._turn(vault, shelf, turner, listener, status), vault)
                if self.is_aside and turner.has_sent_everything():
                    note_drained(vault.folder)
                    _log.info("everything of a vault that was set aside is sent")
                    break
        finally:
            listener.end()
            self._lines.close()

    def _turn(
        self,
        vault: Vault,
        shelf: VaultShelf,
        turner: Turner,
        listener: Listener,
        status: StatusNote,
    ) -> int:
        """One turn and what is noted of it; returns the milliseconds to wait."""
        try:
            # Noted before: what is sold during the turn is news after it.
            self._seen_change = vault.foreign_change_number()
            idle_ms = turner.take(self._timer_ms)
            listener.follow(turner.link)
            status.write(turner)
            self._sync_head(shelf)
            if self._house is not None:
                self._house.keep(self._clock())
            vault.checkpoint()
        except VaultFailure as failure:
            if not failure.retry:
                raise
            _log.warning("the vault did not take it", code=failure.code, detail=str(failure))
            return FAULT_WAIT_MS
        except Exception:
            if self._stopping.is_set():
                return 0
            _log.exception("a turn failed")
            return FAULT_WAIT_MS
        self.turned = True
        return idle_ms

    def _sync_head(self, shelf: VaultShelf) -> None:
        """Brings the noted head to the disk when it moved, so that no cashier waits for it."""
        head = shelf.head()
        if head != self._synced_head:
            sync_head_file(self.folder)
            self._synced_head = head

    def _wait(self, idle_ms: int, vault: Vault) -> None:
        """Until there is something to do, or the time is over. Half of the changes on disk are our
        own notes of what was sent: they are worth no turn."""
        until_tick_ms = self._ticks() + idle_ms
        while not (self._stopping.is_set() or self._store_moved):
            if self._disk_moved:
                self._disk_moved, self._looks = False, SETTLE_MS
            if self._looks and self._has_news(vault):
                return
            left_ms = until_tick_ms - self._ticks()
            if left_ms <= 0:
                return
            if self._looks:
                left_ms, self._looks = min(left_ms, self._looks[0]), self._looks[1:]
            self._moved.wait(left_ms / 1000)
            self._moved.clear()
        self._store_moved = False

    def _has_news(self, vault: Vault) -> bool:
        try:
            return vault.foreign_change_number() != self._seen_change
        except VaultFailure:
            # The turn says what is wrong with it.
            return True


def _file_number(folder: Path) -> int:
    """Another one when the machine was enrolled anew, its old vault set aside; 0 in between."""
    try:
        return (folder / DATABASE_FILE).stat().st_ino
    except OSError:
        return 0
