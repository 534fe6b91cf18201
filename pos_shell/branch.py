"""What the till asks the branch's router, by way of its daemon.

The till has no network: it leaves the question in its vault, which wakes the daemon, and looks for
the answer for as long as nobody minds. Without one it goes on as if there were no router.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pos_shell.till import Till
from sentra.vault import sharing, state
from sentra.vault.driver import Connection
from sentra.vault.sharing import Answer, Question

LOOK_EVERY_S: Final = 0.005
LOOKS_MAX: Final = 60
"""With the pause between them 0.3 s: what a cashier does not notice. A router on the branch's
network answers in a tenth of that."""

SILENT_AFTER_MS: Final = 10_000
"""A daemon writes its status every few seconds; beyond this it does not run."""


SILENT_TILL_MS: Final = 70_000
"""A till that the router has not heard for this long is away: it says hello every 30 seconds."""


def router_listens(db: Connection, now_ms: int) -> bool:
    """Whether the router carried when the daemon last said so, and the daemon lives."""
    said = state.sync_status(db)
    return said.via == "router" and now_ms - said.updated_at_ms <= SILENT_AFTER_MS


def ask_router(till: Till, target: str, question: msgspec.Struct | None = None) -> Answer | None:
    """What the router says; None where it does not answer in time or is away.

    Without a `question` the address says it all.
    """
    with till.vault.reader() as db:
        if not router_listens(db, till.clock()):
            return None
    body = b"" if question is None else msgspec.json.encode(question)
    asked = Question(till.new_id(), target, body)
    with till.vault.writer() as db:
        sharing.ask(db, asked, till.clock())
    for _ in range(LOOKS_MAX):
        till.pause(LOOK_EVERY_S)
        with till.vault.reader() as db:
            said = sharing.answer_to(db, asked.question_id)
        if said is not None:
            return None if said.problem == sharing.SILENT else said
    with till.vault.writer() as db:
        sharing.give_up(db, asked.question_id)
    return None
