"""One program of each kind on one folder, held by a lock that dies with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from sentra.vault.failures import AlreadyRunning

Program = Literal["till", "daemon", "router"]


@contextmanager
def hold(folder: Path, program: Program) -> Iterator[None]:
    """Holds `<program>.lock` in the folder. Raises AlreadyRunning at once when another has it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / f"{program}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise AlreadyRunning(program=program, folder=folder) from None
    try:
        yield
    finally:
        lock.release()
