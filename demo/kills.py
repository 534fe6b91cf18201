"""`sentra demo --check --kills N`: ends programs as `kill -9` does, while tickets are replayed.

The kernel gives no program a last word, so this is what a power cut at the program leaves behind.
Who is next, when, and for how long it stays away is drawn from a seed; where in its work a program
is then is chance. No sale passes through Redis, worker and back office: their end must not matter.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from demo.commands import CommandFailed, replay_progress
from demo.stage import Stage, answers
from sentra.i18n import say

PAUSE_S_MAX: Final = 1.6
"""Between two kills. On average half of it: a program has some seconds until it is drawn again."""

AWAY_S_MAX: Final = 1.0
"""How long a killed program stays away before it is started again."""

READY_S_MAX: Final = 30.0
"""How long a kill waits until a program is at its work again, before another is drawn."""

TELL_EVERY: Final = 25
"""Kills between two words to whoever waits."""

TILL, DAEMON, ROUTER = "till", "daemon", "router"
SERVICE, DATABASE, REDIS = "sync service", "PostgreSQL", "Redis"
WORKER, OFFICE = "worker", "back office"
BAG: Final = (TILL, TILL, DAEMON, ROUTER, SERVICE, DATABASE, REDIS, WORKER, OFFICE)
"""Drawn in turn until it is empty, so that each program gets its share; the till gets two."""

Tell = Callable[[str], None]


class Kills:
    """So many kills, drawn from a seed; `killed` counts them by program."""

    def __init__(self, stage: Stage, count: int, seed: int, tell: Tell) -> None:
        self._stage, self._count, self._tell = stage, count, tell
        self._dice = random.Random(seed)
        self._bag: list[str] = []
        self._till: subprocess.Popen[str] | None = None
        self._till_sells = False
        self._till_killed = self._all_sold = False
        self._stop = threading.Event()
        self.killed: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._work, name="kills", daemon=True)

    def replay(self, tickets_file: Path, total: int) -> Iterator[tuple[int, int]]:
        """Replays all tickets, again and again while the till is killed: (done, total).

        The pace is such that tickets last for about as long as there is somebody to kill. Returns
        when all are in the books and all kills are done. Raises CommandFailed.
        """
        self._thread.start()
        done = 0
        try:
            while True:
                self._till_sells = self._till_killed = False
                pace = self._pace(total - done)
                try:
                    for done, total in replay_progress(
                        self._stage, tickets_file, pace, started=self._started
                    ):
                        self._till_sells = True
                        yield done, total
                    self._all_sold = True
                    break
                except CommandFailed:
                    if not self._till_killed:
                        raise
                finally:
                    self._till_sells = False
            while self._thread.is_alive():
                self._thread.join(0.2)
        finally:
            self._stop.set()
            self._thread.join()

    def _pace(self, left: int) -> int | None:
        """Tickets a second; None where there is nobody left to kill."""
        kills = self._count - self.killed.total()
        if not kills:
            return None
        return max(1, int(left / (kills * (PAUSE_S_MAX / 2 + 0.2))))

    def _started(self, till: subprocess.Popen[str]) -> None:
        self._till = till

    # -- killing ------------------------------------------------------------------------------

    def _work(self) -> None:
        while self.killed.total() < self._count and not self._stop.is_set():
            self._stop.wait(self._dice.uniform(0, PAUSE_S_MAX))
            program = self._draw()
            deadline_s = time.monotonic() + READY_S_MAX
            while not self._stop.is_set() and time.monotonic() < deadline_s:
                if program == TILL and self._all_sold:
                    break
                if self._kill(program):
                    self.killed[program] += 1
                    self._tell_now_and_then()
                    break
                self._stop.wait(0.05)

    def _tell_now_and_then(self) -> None:
        done = self.killed.total()
        if done % TELL_EVERY == 0 or done == self._count:
            self._tell(say("%(done)s of %(total)s kills", done=done, total=self._count))

    def _draw(self) -> str:
        if not self._bag:
            self._bag = list(BAG)
            self._dice.shuffle(self._bag)
        return self._bag.pop()

    def _kill(self, program: str) -> bool:
        """Whether there was one to end."""
        if program == TILL:
            return self._kill_till()
        if program == DATABASE:
            return self._kill_backend()
        if program == REDIS:
            return self._kill_redis()
        parts = [one for one in self._stage.supervisor.parts if one.name.startswith(program)]
        part = self._dice.choice(parts)
        if not part.running or (part.ready_url is not None and not answers(part.ready_url)):
            return False
        away_s = self._dice.uniform(0, AWAY_S_MAX)
        return self._stage.supervisor.kill(part, back_in_s=away_s)

    def _kill_till(self) -> bool:
        till = self._till
        if till is None or not self._till_sells or till.poll() is not None:
            return False
        self._till_killed = True
        till.kill()
        return True

    def _kill_redis(self) -> bool:
        """Gone for a while: wake-ups are lost, sessions and jobs come back from its file."""
        redis = self._stage.redis
        redis.kill()
        self._stop.wait(self._dice.uniform(0, AWAY_S_MAX))
        redis.start()
        return True

    def _kill_backend(self) -> bool:
        """One server process of PostgreSQL; all others fall with it, and it recovers from its log.

        One that works is taken before one that waits.
        """
        with contextlib.suppress(OperationalError, ProcessLookupError):
            with self._stage.engine.connect() as connection:
                pids = connection.execute(
                    text(
                        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                        " AND application_name = 'sentra-sync' ORDER BY state <> 'active', pid"
                    )
                ).scalars()
                pid = next(iter(pids), None)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                return True
        return False
