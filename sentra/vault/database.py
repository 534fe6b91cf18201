"""Opens the encrypted database of a device and hands out connections to it."""

from __future__ import annotations

import os
import shutil
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from sentra.vault import schema, state
from sentra.vault.connect import RESERVE_BYTES, begin, connect, full, translated
from sentra.vault.driver import Connection, driver
from sentra.vault.failures import (
    VaultDamaged,
    VaultExists,
    VaultFailure,
    VaultKeyWrong,
    VaultMissing,
    VaultNewer,
)
from sentra.vault.keys import KEY_FILE, Place, VaultKey, create_key, read_key
from sentra.vault.schema import MIGRATIONS, ROOM, Migration

Role = Literal["terminal", "router"]
Rooms = Mapping[str, Sequence[Migration]]

DATABASE_FILE: Final = "vault.db"

CHECK_WHOLE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Up to this size the whole file is checked at each start (a quarter of a second). A larger one is
checked in the tables that everything depends on, and wholly by `sentra verify`."""

CHECKPOINT_PAGES_MIN: Final = 128
"""Less of the log (512 KiB, some ten sales) is not worth writing back. With much more, a cashier
sells while it is written back, so that the log begins anew too seldom, and grows until each commit
writes back for itself."""

GIVE_WAY_S: Final = 0.003
"""Left to others between two transactions of a long work. Who waits for the vault looks every
millisecond whether it is free."""

READERS_AWAITED_S: Final = 5.0
"""How long the vault's closing waits for those who read. Reading takes milliseconds; whoever takes
longer finishes, and closes the connection then."""

_SALT_BYTES: Final = 16
_CHECKED_ALWAYS: Final = ("identity", "state", "schema_version", "journal_epoch", "watermark")


class _Held:
    """A reader's connection, owned by its thread and closed with it, or with the vault.

    Never closed while it is read from: the driver would go on with a statement that is no more,
    and take the whole process with it.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._depth = 0
        # Not a lock that knows its thread: a generator may be ended by another one.
        self._in_use = threading.Lock()
        self._is_last = False

    def take(self) -> Connection:
        """The connection, inside a read transaction. Only for the thread that owns it."""
        if self._depth == 0:
            self._in_use.acquire()
            try:
                self._refuse_when_closed()
                self._db.execute("BEGIN")
            except BaseException:
                self._in_use.release()
                raise
        self._depth += 1
        return self._db

    def give_back(self) -> None:
        """As often as taken; after the last time the transaction is over."""
        self._depth -= 1
        if self._depth > 0:
            return
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        finally:
            self._in_use.release()
            if self._is_last:
                self.close(0)

    def change_number(self) -> int:
        """What SQLite counts up when another connection has committed."""
        if self._depth > 0:
            return self._ask_change_number()
        with self._in_use:
            self._refuse_when_closed()
            return self._ask_change_number()

    def close(self, wait_s: float) -> None:
        """Closes the connection; one in use for longer is closed as soon as it is given back."""
        self._is_last = True
        if self._in_use.acquire(timeout=wait_s):
            try:
                self._db.close()
            finally:
                self._in_use.release()

    def _ask_change_number(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def _refuse_when_closed(self) -> None:
        if self._is_last:
            raise _closed()


class Vault:
    """One folder, one encrypted file: one writer, and a reader for each thread."""

    def __init__(self, folder: Path, key: VaultKey, role: Role) -> None:
        """Not for callers: use `create` or `open`."""
        self.folder = folder
        self.role = role
        self.key_place: Place = key.place
        self._key = key
        self._path = folder / DATABASE_FILE
        self._mine = threading.local()
        self._readers: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._listing = threading.Lock()
        self._turn = threading.Lock()
        self._writing_thread: int | None = None
        self._writer: Connection | None = None
        self._closed = False

    @classmethod
    def create(cls, folder: Path, role: Role, own: Rooms | None = None) -> Vault:
        """Makes the vault of a new device, and its key. The file appears whole or not at all.

        Raises VaultExists, VaultFull, VaultUnwritable.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (folder / DATABASE_FILE).exists():
            raise VaultExists(folder=folder)
        _move_aside(folder)
        key, unfinished = create_key(folder), folder / (DATABASE_FILE + ".new")
        for leftover in folder.glob(unfinished.name + "*"):
            leftover.unlink()
        with translated(folder):
            db = connect(unfinished, key, "write")
            try:
                # Without a log beside it, one rename makes the file appear whole.
                db.execute("PRAGMA journal_mode = DELETE")
                db.execute("BEGIN IMMEDIATE")
                schema.migrate(db, _rooms(role, own), role)
                state.put(db, "role", role)
                db.execute("COMMIT")
                # For good, so that no rollback journal ever lies beside the vault: one that a
                # power cut leaves could only be undone by writing, and opening must not write.
                db.execute("PRAGMA journal_mode = WAL")
            finally:
                db.close()
        unfinished.rename(folder / DATABASE_FILE)
        _sync_folder(folder)
        return cls.open(folder, own)

    @classmethod
    def open(cls, folder: Path, own: Rooms | None = None) -> Vault:
        """Opens the vault of a device and brings its tables up to date.

        `own` are the migrations of the program's own rooms, by the room's name.
        Raises VaultMissing, VaultKeyMissing, VaultKeyWrong, VaultDamaged, VaultNewer, VaultBusy,
        VaultFull or VaultUnwritable; the file is then as it was, to the byte.
        """
        path = folder / DATABASE_FILE
        if not path.is_file():
            raise VaultMissing(folder=folder)
        key = read_key(folder)
        role, behind = _probe(folder, key, own)
        vault = cls(folder, key, role)
        if behind:
            with vault.writer() as db:
                schema.migrate(db, _rooms(role, own), role)
        return vault

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """This thread's connection inside one read transaction: all its queries see one moment.

        Keep it short: a log cannot be cut back while somebody reads an old moment.
        """
        with translated(self.folder):
            held = self._my_reader()
            db = held.take()
            try:
                yield db
            finally:
                held.give_back()

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """The writing connection inside BEGIN IMMEDIATE; durable when the block has ended.

        Any exception undoes everything. Never nested. Raises VaultBusy, VaultFull,
        VaultUnwritable, VaultDamaged.
        """
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("write transactions are never nested")
        with self._turn, translated(self.folder):
            self._writing_thread = threading.get_ident()
            try:
                db = self._my_writer()
                begin(db)
                yield db
                db.execute("COMMIT")
            except BaseException:
                self._drop_writer()
                raise
            finally:
                self._writing_thread = None

    def checkpoint(self) -> None:
        """Writes the log back into the database without keeping any reader or writer waiting.

        For a program in the background, so that no cashier waits for it within a commit.
        """
        with self._turn, translated(self.folder):
            db = self._my_writer()
            _, written, back = db.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
            if written - back >= CHECKPOINT_PAGES_MIN:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def change_number(self) -> int:
        """Differs from this thread's last answer when anyone has committed since."""
        with translated(self.folder):
            return self._my_reader().change_number()

    def foreign_change_number(self) -> int:
        """Differs from the last answer when another process has committed since, or it may have."""
        with self._turn, translated(self.folder):
            number = self._my_writer().execute("PRAGMA data_version").fetchone()[0]
        return int(number)

    def require_room(self, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Call before a sale is started. Raises VaultFull when the disk's reserve is touched."""
        if shutil.disk_usage(self.folder).free < reserve_bytes:
            raise full(self.folder, reserve_bytes)

    def close(self) -> None:
        """Closes every connection. Whoever reads at this moment may finish."""
        self._closed = True
        deadline_s = time.monotonic() + READERS_AWAITED_S
        with self._listing:
            readers = list(self._readers)
        for held in readers:
            held.close(max(0.0, deadline_s - time.monotonic()))
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _my_reader(self) -> _Held:
        held: _Held | None = getattr(self._mine, "held", None)
        if held is None:
            self._refuse_when_closed()
            held = _Held(connect(self._path, self._key, "read"))
            self._mine.held = held
            with self._listing:
                self._readers.add(held)
            if self._closed:
                # In the meantime.
                held.close(0)
        return held

    def _my_writer(self) -> Connection:
        if self._writer is None:
            self._refuse_when_closed()
            self._writer = connect(self._path, self._key, "write")
        return self._writer

    def _drop_writer(self) -> None:
        # A connection after a failed write is closed, which rolls back, and made anew: cheaper
        # than knowing which errors leave it usable.
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise _closed()


def _closed() -> RuntimeError:
    return RuntimeError("the vault is closed")


def _rooms(role: Role, own: Rooms | None) -> dict[str, Sequence[Migration]]:
    return {ROOM: MIGRATIONS[role], **(own or {})}


def _probe(folder: Path, key: VaultKey, own: Rooms | None) -> tuple[Role, bool]:
    """Looks at the file without being able to write; (role, whether a migration is due)."""
    path = folder / DATABASE_FILE
    with translated(folder):
        db = connect(path, key, "probe")
        try:
            try:
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except driver.DatabaseError as error:
                raise _unreadable(folder, key, error) from error
            return _inspect(folder, db, own)
        finally:
            db.close()


def _inspect(folder: Path, db: Connection, own: Rooms | None) -> tuple[Role, bool]:
    present = schema.versions(db)
    if ROOM not in present:
        raise VaultDamaged(folder=folder, detail="its tables are missing")
    role = state.get(db, "role")
    if role not in ("terminal", "router"):
        raise VaultDamaged(folder=folder, detail="it does not say whose it is")
    rooms = _rooms(role, own)
    for room, steps in rooms.items():
        if present.get(room, 0) > len(steps):
            raise VaultNewer(folder=folder, found=present[room], known=len(steps))
    _check(folder, db)
    stale = role == "terminal" and state.get(db, "projection_fingerprint") != schema.fingerprint()
    behind = any(present.get(room, 0) < len(steps) for room, steps in rooms.items())
    return role, behind or stale


def _check(folder: Path, db: Connection) -> None:
    if (folder / DATABASE_FILE).stat().st_size <= CHECK_WHOLE_BYTES_MAX:
        checks = ["PRAGMA quick_check(1)"]
    else:
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        checks = [f"PRAGMA quick_check('{name}')" for name in _CHECKED_ALWAYS if name in there]
    for check in checks:
        found = db.execute(check).fetchone()[0]
        if found != "ok":
            raise VaultDamaged(folder=folder, detail=found)


def _unreadable(
    folder: Path, key: VaultKey, error: driver.DatabaseError
) -> VaultFailure | Exception:
    """Page one cannot be read: whose fault is it? The salt tells whether key and file belong."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF != driver.SQLITE_NOTADB:
        return error
    with (folder / DATABASE_FILE).open("rb") as file:
        salt = file.read(_SALT_BYTES)
    if salt == key.salt or len(salt) < _SALT_BYTES:
        return VaultDamaged(folder=folder, detail="its first page cannot be read")
    return VaultKeyWrong(
        folder=folder, place=folder / KEY_FILE if key.place == "file" else "keyring"
    )


def _sync_folder(folder: Path) -> None:
    """Makes new names in the folder survive a power cut, where the system has a way to."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_aside(folder: Path) -> None:
    """Keeps the key of a vault that is no longer here: it may open a copy somewhere."""
    for path in (folder / KEY_FILE, folder / "vault.id"):
        if path.exists():
            number = 1
            while (kept := path.with_name(f"{path.name}.{number}")).exists():
                number += 1
            path.rename(kept)
