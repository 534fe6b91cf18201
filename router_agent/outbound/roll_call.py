"""What each till said of itself, and when: in memory, written down now and then.

A till speaks many times a minute. That it lives is worth no write to the disk each time; the
trunk's housekeeping writes it twice a minute, and the power takes that much of "last heard".
"""

from __future__ import annotations

import threading
from dataclasses import astuple, dataclass, replace

from sentra.protocol.messages import Hello
from sentra.vault.database import Vault
from sentra.vault.driver import Connection


@dataclass(frozen=True, slots=True)
class Heard:
    """A till's last words. `rtt_ms` 0: not measured yet; `epoch` and `seq` are its own head then.

    `skew_ms` is its clock minus this one, the time on the way included.
    """

    terminal: str
    last_heard_at_ms: int
    software: str
    skew_ms: int
    rtt_ms: int
    epoch: int
    seq: int


class RollCall:
    """All tills heard of; threads may share it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lock = threading.Lock()
        self._dirty: set[str] = set()
        with vault.reader() as db:
            rows = db.execute("SELECT * FROM heard").fetchall()
        self._heard = {row[0]: Heard(*row) for row in rows}

    def note_hello(self, terminal: str, hello: Hello, now_ms: int) -> None:
        """A till said hello."""
        own = hello.heads.get(terminal)
        heard = Heard(
            terminal,
            now_ms,
            hello.software,
            hello.clock_ms - now_ms,
            hello.rtt_ms,
            own.epoch if own else 1,
            own.seq if own else 0,
        )
        with self._lock:
            self._heard[terminal] = heard
            self._dirty.add(terminal)

    def note_alive(self, terminal: str, now_ms: int) -> None:
        """A till asked for something: it lives."""
        with self._lock:
            heard = self._heard.get(terminal)
            if heard is not None:
                self._heard[terminal] = replace(heard, last_heard_at_ms=now_ms)
                self._dirty.add(terminal)

    def all(self) -> dict[str, Heard]:
        """By terminal."""
        with self._lock:
            return dict(self._heard)

    def write(self, db: Connection) -> None:
        """Writes down what is new since the last time. Inside `writer()`."""
        with self._lock:
            rows = [astuple(self._heard[terminal]) for terminal in self._dirty]
            self._dirty.clear()
        db.executemany("INSERT OR REPLACE INTO heard VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
