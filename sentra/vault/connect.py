"""One unlocked connection, its settings, and the driver's errors as sentences."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from sentra.vault.driver import Connection, driver
from sentra.vault.failures import (
    CipherMissing,
    VaultBusy,
    VaultDamaged,
    VaultFull,
    VaultUnwritable,
)
from sentra.vault.keys import VaultKey

Mode = Literal["probe", "read", "write"]

BUSY_TIMEOUT_MS: Final = 5_000
"""How long one process waits for another's write: theirs take milliseconds, a checkpoint less
than a second on a slow disk."""

WAL_BYTES_KEPT: Final = 16 * 1024 * 1024
"""The write-ahead log is cut back to this after a checkpoint."""

CACHE_KIB: Final = 32 * 1024
"""Pages that a writer may keep: the indexes of a hundred thousand products. Deciphering them again
and again takes half of the time that a new catalogue needs."""

CHECKPOINT_PAGES: Final = 4_000
"""Pages (16 MiB) after which a commit writes the log back by itself. That takes a disk tens of
milliseconds, so it is left to whoever calls `Vault.checkpoint`; this is for when nobody does."""

RESERVE_BYTES: Final = 32 * 1024 * 1024
"""Free disk below which no sale is started. It holds the closing of a shift a hundred times."""

STATEMENTS_KEPT: Final = 512
"""Prepared statements that a connection keeps: all that a program uses. The driver would keep 128,
and prepare the rest again and again."""

_LOOK_EVERY_S: Final = 0.001
_MIB: Final = 1024 * 1024
_PRIMARY_CODE: Final = 0xFF


def connect(path: Path, key: VaultKey, mode: Mode) -> Connection:
    """An unlocked connection in autocommit mode. `probe` cannot alter the file, `read` refuses to.

    Raises CipherMissing, and the driver's own errors: see `translated`.
    """
    access = {"probe": "ro", "read": "rw", "write": "rwc"}[mode]
    db = driver.connect(
        f"{path.absolute().as_uri()}?mode={access}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS / 1000,
        cached_statements=STATEMENTS_KEPT,
    )
    try:
        # Its own log goes to stderr in a form of its own; what fails is raised and logged by us.
        db.execute("PRAGMA cipher_log_level = NONE")
        db.execute(key.pragma)
        if db.execute("PRAGMA cipher_version").fetchone() is None:
            raise CipherMissing()
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA temp_store = MEMORY")
        if mode == "read":
            db.execute("PRAGMA query_only = ON")
        elif mode == "write":
            _prepare_to_write(db)
            # From now on `begin` waits, and looks more often than the driver does.
            db.execute("PRAGMA busy_timeout = 0")
    except BaseException:
        db.close()
        raise
    return db


def _prepare_to_write(db: Connection) -> None:
    # Only in a file that is new: then room can be given back later, a little at a time.
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    # NORMAL lost acknowledged commits in trials of power loss; FULL never did.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")
    db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def begin(db: Connection) -> None:
    """BEGIN IMMEDIATE as soon as nobody else writes; the driver's own error after a time.

    The driver's own waiting looks again after 1, 2, 5 … 100 ms, and so misses the moment that a
    program which has much to write leaves to a cashier.
    """
    deadline_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
        except driver.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
            if code != driver.SQLITE_BUSY or time.monotonic() >= deadline_s:
                raise
        else:
            return
        time.sleep(_LOOK_EVERY_S)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turns the driver's errors about the outside world into sentences; a fault of the caller
    (a wrong statement, a broken constraint) passes through."""
    try:
        yield
    except driver.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code == driver.SQLITE_FULL:
            raise full(folder, 0) from error
        if code in (driver.SQLITE_BUSY, driver.SQLITE_LOCKED):
            raise VaultBusy(folder=folder) from error
        if code in (driver.SQLITE_CORRUPT, driver.SQLITE_NOTADB):
            raise VaultDamaged(folder=folder, detail=error) from error
        if code in (
            driver.SQLITE_IOERR,
            driver.SQLITE_CANTOPEN,
            driver.SQLITE_READONLY,
            driver.SQLITE_PERM,
        ):
            raise VaultUnwritable(folder=folder, detail=error) from error
        raise


def full(folder: Path, needed_bytes: int) -> VaultFull:
    """The sentence about a full disk, with what is left."""
    free = shutil.disk_usage(folder).free
    return VaultFull(folder=folder, free_mib=free // _MIB, needed_mib=max(1, needed_bytes // _MIB))
