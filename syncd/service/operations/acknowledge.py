"""Say what became of an envelope: one outcome for each journal, with the cloud's signed word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentra.protocol.entry import EMPTY
from sentra.protocol.messages import JournalAnswer, JournalOutcome, note_of, sign_watermark
from syncd.service.operations.journals import Journal

CREDIT_BYTES: Final = 1024 * 1024
"""What a device may send next: some 10,000 sales, about a second's work."""

BUSY_WAITING: Final = 20
"""Above so many waiting envelopes, senders are asked for a pause."""

PAUSE_MS: Final = 250


def acknowledge(
    journals: Sequence[Journal], now_ms: int, key: Ed25519PrivateKey, *, waiting: int
) -> JournalAnswer:
    """The answer, to be sent only after the commit."""
    return JournalAnswer(
        outcomes=tuple(_outcome(journal, now_ms, key) for journal in journals),
        credit_bytes=CREDIT_BYTES,
        pause_ms=PAUSE_MS if waiting > BUSY_WAITING else 0,
    )


def _outcome(journal: Journal, now_ms: int, key: Ed25519PrivateKey) -> JournalOutcome:
    head, terminal = journal.head or EMPTY, journal.terminal_id
    held = journal.head is not None and head.seq > 0
    return JournalOutcome(
        terminal=terminal,
        outcome=journal.outcome,
        here=note_of(head),
        appended=journal.appended,
        cloud=sign_watermark(key, "cloud", terminal, head, now_ms) if held else None,
        problem=journal.problem,
    )
