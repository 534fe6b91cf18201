"""How far one terminal's journal has come: the word that store, answers and trunk share."""

from __future__ import annotations

from dataclasses import dataclass

from sentra.protocol.entry import Head
from sentra.protocol.messages import Watermark


@dataclass(frozen=True, slots=True)
class JournalState:
    """How far one terminal's journal is here and in the cloud.

    `watermark` is the cloud's signed word, to be passed on, and so is `archived`; None before the
    first.
    """

    terminal: str
    here: Head
    cloud: Head
    watermark: Watermark | None
    archived: Watermark | None = None
