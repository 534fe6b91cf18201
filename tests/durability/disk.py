"""A disk that remembers every write and sync, and can say what a power loss leaves of them.

The database is opened through a VFS of APSW below the cipher, so what is recorded are the very
bytes that reach the operating system. Between two syncs of a file nothing is promised: each write
may be there, or not, or in parts.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import apsw

from sentra.vault import connect, database
from sentra.vault.connect import Mode
from sentra.vault.keys import VaultKey

SECTOR_BYTES: Final = 512
"""What a disk writes wholly or not at all."""

VFS: Final = "recorder"
_FLAGS: Final = {
    "probe": apsw.SQLITE_OPEN_READONLY,
    "read": apsw.SQLITE_OPEN_READWRITE,
    "write": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was asked of the disk: `data` of a write, `size` of a truncation."""

    what: Literal["write", "truncate", "sync", "delete"]
    file: str
    at: int = 0
    data: bytes = b""


@dataclass(slots=True)
class Trace:
    """Everything that was asked of the disk, in order, from what was there at the start."""

    start: dict[str, bytes]
    steps: list[Step] = field(default_factory=list)

    def left(self, count: int, dice: random.Random | None) -> dict[str, bytes]:
        """The files after the power went behind `count` steps.

        Without dice nothing is left of what was not synced; with them each write since is there,
        or not, or torn at a sector.
        """
        files = {name: _File(bytearray(data)) for name, data in self.start.items()}
        for step in self.steps[:count]:
            file = files.setdefault(step.file, _File(None))
            if step.what == "sync":
                file.settle()
            else:
                file.waiting.append(step)
        found = {name: file.after_loss(dice) for name, file in files.items()}
        return {name: data for name, data in found.items() if data is not None}


@dataclass(slots=True)
class _File:
    """`durable` None: the file is not there. A new name is durable with its first sync."""

    durable: bytearray | None
    waiting: list[Step] = field(default_factory=list)

    def settle(self) -> None:
        """Everything that waits is on the disk."""
        self.durable = _with(self.durable, self.waiting)
        self.waiting.clear()

    def after_loss(self, dice: random.Random | None) -> bytes | None:
        """What is found when the power comes back."""
        if dice is None:
            survived: Sequence[Step] = ()
        else:
            survived = [torn for step in self.waiting if (torn := _torn(step, dice)) is not None]
        data = _with(self.durable, survived)
        return None if data is None else bytes(data)


def _torn(step: Step, dice: random.Random) -> Step | None:
    """The step, or a part of it, or nothing."""
    chance = dice.random()
    if chance < 1 / 3:
        return None
    if chance < 2 / 3 or step.what != "write":
        return step
    sectors = dice.randint(0, len(step.data) // SECTOR_BYTES)
    return Step("write", step.file, step.at, step.data[: sectors * SECTOR_BYTES])


def _with(data: bytearray | None, steps: Sequence[Step]) -> bytearray | None:
    for step in steps:
        if step.what == "delete":
            data = None
            continue
        data = bytearray() if data is None else data
        end = step.at + len(step.data)
        if step.what == "truncate":
            del data[step.at :]
        elif step.data:
            data.extend(bytes(max(0, end - len(data))))
            data[step.at : end] = step.data
    return data


class _Recorded(apsw.VFSFile):
    def __init__(self, name: Any, flags: Any, trace: Trace) -> None:
        super().__init__("unix", name, flags)
        self._name = _plain(name)
        self._trace = trace

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - APSW's name
        super().xWrite(data, offset)
        self._trace.steps.append(Step("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - APSW's name
        super().xTruncate(newsize)
        self._trace.steps.append(Step("truncate", self._name, newsize))

    def xLock(self, level: int) -> None:  # noqa: N802 - APSW's name
        try:
            super().xLock(level)
        except apsw.IOError as error:
            # A file that is open for reading cannot be locked for writing. SQLite asks for it at
            # the end and takes no for an answer; APSW would make an exception of it.
            raise apsw.BusyError from error

    def xSync(self, flags: int) -> None:  # noqa: N802 - APSW's name
        super().xSync(flags)
        self._trace.steps.append(Step("sync", self._name))


class _Recorder(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(VFS, "unix")
        self.trace = Trace({})

    def xOpen(self, name: Any, flags: Any) -> apsw.VFSFile:  # noqa: N802 - APSW's name
        return _Recorded(name, flags, self.trace)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - APSW's name
        super().xDelete(filename, syncdir)
        self.trace.steps.append(Step("delete", Path(filename).name))
        if syncdir:
            self.trace.steps.append(Step("sync", Path(filename).name))


@functools.cache
def _recorder() -> _Recorder:
    """One for the whole process: the cipher's VFS over it is never unregistered."""
    return _Recorder()


def _plain(name: Any) -> str:
    """A temporary file has no name, and is nobody's evidence."""
    text = name.filename() if isinstance(name, apsw.URIFilename) else name
    return Path(text).name if text else ""


@contextmanager
def recorded(folder: Path, synchronous: str | None = None) -> Iterator[Trace]:
    """Vaults that are opened in the block are recorded from what lies in the folder now.

    `synchronous` instead of the setting of production, to see that the test can fail.
    """
    trace = Trace({one.name: one.read_bytes() for one in folder.glob("vault.db*")})
    _recorder().trace = trace

    def connect_recorded(path: Path, key: VaultKey, mode: Mode) -> Any:
        # The cipher's VFS is made over ours by its name.
        db = apsw.Connection(str(path), flags=_FLAGS[mode], vfs=f"multipleciphers-{VFS}")
        db.execute("PRAGMA cipher = 'sqlcipher'")
        db.execute("PRAGMA legacy = 4")
        db.execute(key.pragma)
        if mode == "write":
            connect._prepare_to_write(db)  # type: ignore[arg-type]  # the settings of production
            if synchronous is not None:
                db.execute(f"PRAGMA synchronous = {synchronous}")
        return db

    # The vault takes its connections from one function, and has no other seam.
    database.connect = connect_recorded  # type: ignore[attr-defined]  # imported by name there
    try:
        yield trace
    finally:
        database.connect = connect.connect  # type: ignore[attr-defined]  # put back
