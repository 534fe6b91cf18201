"""The machines' disks: folders with real vaults, new ones copied from one that is made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from router_agent.outbound.schema import ROOMS
from sentra.vault import database
from sentra.vault.connect import connect
from sentra.vault.database import DATABASE_FILE, Role, Vault
from sentra.vault.driver import Connection
from sentra.vault.identity import Identity, read_identity
from sentra.vault.keys import read_key

_ROOM: Final = "shutil"
"""What a vault asks for the room on its disk; it uses nothing else of it."""

_SHARED_MEMORY: Final = f"{DATABASE_FILE}-shm"
"""No part of a disk: it is gone with the power, and made anew from the log."""


class Templates:
    """Empty vaults of both roles, made once."""

    def __init__(self, folder: Path) -> None:
        self._folders: dict[Role, Path] = {
            "terminal": folder / "terminal",
            "router": folder / "router",
        }
        Vault.create(self._folders["terminal"], "terminal").close()
        Vault.create(self._folders["router"], "router", ROOMS).close()

    def copy(self, role: Role, to: Path) -> None:
        """A new vault. It has the template's key: nobody here looks for another's."""
        shutil.copytree(self._folders[role], to)


class Disks:
    """The folders of one run. `full` are the machines on whose disks hardly anything is left."""

    def __init__(self, folder: Path, templates: Templates) -> None:
        self.full: set[str] = set()
        self._folder, self._templates = folder, templates
        self._numbers = count(1)

    @property
    def archive(self) -> Path:
        """The object store's folder, which nothing happens to."""
        return self._folder / "archive"

    def new(self, role: Role, name: str) -> Path:
        """A disk with an empty vault."""
        place = self._place(name)
        self._templates.copy(role, place)
        return place

    def new_folder(self, name: str) -> Path:
        """An empty folder, on a stick or wherever somebody works."""
        place = self._place(name)
        place.mkdir(parents=True)
        return place

    def after_cut(self, folder: Path, name: str) -> Path:
        """What is on the disk when the power comes back: nobody had closed anything."""
        place = self._place(name)
        shutil.copytree(folder, place, ignore=shutil.ignore_patterns(_SHARED_MEMORY))
        return place

    @contextmanager
    def wired(self) -> Iterator[None]:
        """Vaults ask these disks for their room."""

        def usage(folder: Path) -> SimpleNamespace:
            left = 0 if folder.name.rpartition("-")[0] in self.full else 2**40
            return SimpleNamespace(free=left)

        setattr(database, _ROOM, SimpleNamespace(disk_usage=usage))
        try:
            yield
        finally:
            setattr(database, _ROOM, shutil)

    def drop(self, folder: Path) -> None:
        """A folder that nobody looks at again."""
        opened = _around.get()
        if opened is not None and folder in opened:
            opened.pop(folder).close()
        shutil.rmtree(folder)

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}-{next(self._numbers)}"


_around: ContextVar[dict[Path, Connection] | None] = ContextVar("around", default=None)


@contextmanager
def looking_around() -> Iterator[None]:
    """In the block each disk is opened once, however often somebody looks. A block within sees with
    fresh eyes: it opens them itself."""
    opened: dict[Path, Connection] = {}
    before = _around.set(opened)
    try:
        yield
    finally:
        _around.reset(before)
        for db in opened.values():
            db.close()


@contextmanager
def looking(folder: Path) -> Iterator[Connection]:
    """A connection of nobody's, for looking at what is on a disk and for damaging it."""
    opened = _around.get()
    if opened is not None:
        if folder not in opened:
            opened[folder] = connect(folder / DATABASE_FILE, read_key(folder), "write")
        yield opened[folder]
        return
    db = connect(folder / DATABASE_FILE, read_key(folder), "write")
    try:
        yield db
    finally:
        db.close()


def present_identity(db: Connection) -> Identity:
    """Whose disk it is, and what it knows of the cloud by now."""
    identity = read_identity(db)
    if identity is None:
        raise RuntimeError("nobody enrolled the machine of this disk")
    return identity
