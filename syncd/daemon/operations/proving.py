"""When a till proves what it sold: what it says in its hello until the cloud has compared it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sentra.protocol.entry import Head
from sentra.protocol.messages import HelloAnswer, ProofNote

LOOK_EVERY_MS: Final = 20_000
"""Between two looks for a closed shift: finding none reads what was sold since the last proof."""

AGAIN_EVERY_MS: Final = 60 * 60 * 1000
"""A stretch that nobody compares is counted anew: what was restored may hold other entries."""

Count = Callable[[Head, int], ProofNote | None]
"""(up to where it was proved, now) -> the next stretch, where one is due."""


class Prover:
    """The proof of one till. It asks for nothing to be remembered here: up to where the places
    were found equal is what the cloud says, and a router passes on."""

    def __init__(self, terminal: str, count: Count) -> None:
        self._terminal, self._count = terminal, count
        self._proved: Head | None = None
        self._note: ProofNote | None = None
        self._looked_tick_ms: int | None = None

    def notes(self, now_ms: int, tick_ms: int) -> tuple[ProofNote, ...]:
        """For the next hello: what was counted and is not proved yet."""
        if self._proved is None:
            return ()
        looked = self._looked_tick_ms
        pause_ms = LOOK_EVERY_MS if self._note is None else AGAIN_EVERY_MS
        if looked is None or tick_ms - looked >= pause_ms:
            self._looked_tick_ms = tick_ms
            self._note = self._count(self._proved, now_ms)
        return () if self._note is None else (self._note,)

    def note_answer(self, answer: HelloAnswer) -> None:
        """Up to where the cloud has compared; a store that says nothing does not prove.

        Raises ValueError for a head that is none.
        """
        said = answer.proved.get(self._terminal)
        proved = None if said is None else said.to_head()
        if proved != self._proved:
            self._proved, self._note, self._looked_tick_ms = proved, None, None
