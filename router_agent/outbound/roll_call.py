"""What each till said of itself, and when: in memory, written down now and then.

A till speaks many times a minute. That it lives is worth no write to the disk each time; the
trunk's housekeeping writes it twice a minute, and the power takes that much of "last heard".
"""

from __future__ import annotations

import threading
from dataclasses import astuple, dataclass, replace
from typing import Final

from router_agent.outbound.proofs import Proofs
from sentra.protocol.messages import Hello, TerminalNote
from sentra.vault.database import Vault
from sentra.vault.driver import Connection

SOFTWARE_LENGTH_MAX: Final = 80
_NUMBER_MAX: Final = 2**53
"""JSON's numbers have no end, a column's have."""


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
        self.proofs = Proofs(vault)
        self._lock = threading.Lock()
        self._dirty: set[str] = set()
        with vault.reader() as db:
            rows = db.execute("SELECT * FROM heard").fetchall()
        self._heard = {row[0]: Heard(*row) for row in rows}
        self._feeds: dict[str, dict[str, int]] = {}

    def note_hello(self, terminal: str, hello: Hello, now_ms: int) -> bool:
        """A till said hello; whether it has other decisions than when it spoke last, or a proof."""
        has_proof = self.proofs.hear(terminal, hello)
        own = hello.heads.get(terminal)
        heard = Heard(
            terminal,
            now_ms,
            hello.software[:SOFTWARE_LENGTH_MAX],
            _bounded(hello.clock_ms - now_ms),
            _bounded(hello.rtt_ms),
            own.epoch if own else 1,
            own.seq if own else 0,
        )
        with self._lock:
            self._heard[terminal] = heard
            self._dirty.add(terminal)
            moved = self._feeds.get(terminal) != hello.feed
            self._feeds[terminal] = hello.feed
        return moved or has_proof

    def note_alive(self, terminal: str, now_ms: int) -> None:
        """A till asked for something: it lives."""
        with self._lock:
            heard = self._heard.get(terminal)
            if heard is not None:
                self._heard[terminal] = replace(heard, last_heard_at_ms=now_ms)
                self._dirty.add(terminal)

    def notes(self, now_ms: int) -> dict[str, TerminalNote]:
        """What the tills that spoke since the start told, for the cloud."""
        with self._lock:
            return {
                terminal: TerminalNote(
                    software=self._heard[terminal].software,
                    heard_ms_ago=max(0, now_ms - self._heard[terminal].last_heard_at_ms),
                    skew_ms=self._heard[terminal].skew_ms,
                    feed=feed,
                )
                for terminal, feed in self._feeds.items()
            }

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


def _bounded(number: int) -> int:
    return max(-_NUMBER_MAX, min(number, _NUMBER_MAX))
