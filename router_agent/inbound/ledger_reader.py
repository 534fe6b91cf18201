"""The thread that reads what tills sent, so that a sale is found and a day's sums are there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from router_agent.outbound.ledger import Ledger
from sentra.vault.failures import VaultFailure

LOOK_EVERY_S: Final = 5.0
"""Between two portions, each some 30 ms: many times what a branch sells, so that tills and trunk
come first while a backlog comes in. Nobody waits for it: who asks for a sale reads on first."""

_log = structlog.get_logger(__name__)


class LedgerReader(threading.Thread):
    """Reads on, a portion at a time, until stopped."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        super().__init__(name=f"ledger-{name}", daemon=True)
        self._ledger = ledger
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ends it after its present portion."""
        self._stopped.set()

    def run(self) -> None:
        """A fault is logged and tried again; sales go on their way all the same."""
        step: Callable[[], object] = self._ledger.try_unread_again
        while not self._stopped.is_set():
            try:
                step()
                step = self._ledger.read_on
            except VaultFailure as failure:
                _log.warning("the ledger is not read", code=failure.code, detail=str(failure))
            except Exception:
                if not self._stopped.is_set():
                    _log.exception("the ledger is not read")
            self._stopped.wait(LOOK_EVERY_S)
