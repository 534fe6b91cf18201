"""Sets a vault aside, so that the machine can be enrolled anew: moved, never deleted.

A damaged vault, or one of two that use one identity, keeps everything that it ever held in a folder
of its own beside the new one. What of it was not sent yet, the daemon still sends from there, in
the old terminal's name.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from sentra.vault.database import DATABASE_FILE
from sentra.vault.head_file import HEAD_FILE
from sentra.vault.keys import ID_FILE, KEY_FILE

ASIDE: Final = "set-aside-"
DRAINED: Final = "everything-was-sent"
"""A file that says so in a folder that was set aside: the daemon leaves it alone from then on."""

_FILES: Final = (
    f"{DATABASE_FILE}-wal",
    f"{DATABASE_FILE}-shm",
    HEAD_FILE,
    f"{HEAD_FILE}.new",
    ID_FILE,
    KEY_FILE,
    DATABASE_FILE,
)
"""The database goes last: while it is in its place, so is all that it needs to be opened, or its
folder says by the database's absence that the move was not finished."""


def set_aside(folder: Path) -> Path:
    """Moves the folder's vault into the next free `set-aside-N` within it; returns that place.

    No program may have the vault open.
    """
    number = 1
    while (place := folder / f"{ASIDE}{number}").exists():
        number += 1
    place.mkdir(mode=0o700)
    for name in _FILES:
        if (folder / name).exists():
            (folder / name).rename(place / name)
    return place


def take_place(fresh: Path, folder: Path) -> None:
    """Moves a vault that was made beside into the folder, which has none."""
    for name in _FILES:
        if (fresh / name).exists():
            (fresh / name).rename(folder / name)
    with contextlib.suppress(OSError):
        fresh.rmdir()


def waiting_aside(folder: Path) -> list[Path]:
    """The vaults that were set aside in a folder and may still have something to send."""
    found = sorted(folder.glob(f"{ASIDE}*"))
    return [one for one in found if (one / DATABASE_FILE).exists() and not (one / DRAINED).exists()]


def note_drained(place: Path) -> None:
    """Everything of a vault that was set aside is where it belongs."""
    (place / DRAINED).touch()
