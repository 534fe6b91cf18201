"""Words for a fact that stands in the journal and has no rows: why it has none, and which it is."""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

FACT_UNKNOWN: Final = "fact-unknown"
"""Its kind or schema is new to this version."""

FACT_UNREADABLE: Final = "fact-unreadable"
FACT_NOT_PROJECTED: Final = "fact-not-projected"
"""It makes a row that no table holds."""

FACT_DUPLICATE: Final = "fact-duplicate"
"""Another entry recorded the same before."""

SET_ASIDE: Final = frozenset({FACT_UNKNOWN, FACT_UNREADABLE, FACT_NOT_PROJECTED, FACT_DUPLICATE})

BODY: Final = "body_sha256"
"""Among an exception's params: which entry of the fork lane is meant."""

Named = tuple[str, int, int, str]
"""Which entry was set aside: terminal, epoch (negative in the fork lane), seq, and its body."""


class Recorded(Protocol):
    """What an entry says of itself."""

    @property
    def terminal(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def body(self) -> bytes: ...


def named(entry: Recorded) -> Named:
    """An entry's name. In the fork lane two lines may claim one place, so there its body belongs
    to it (SHA-256, hex); in the journal one entry stands at a place, and the last word is empty."""
    return entry.terminal, entry.epoch, entry.seq, body_of(entry.epoch, entry.body)


def body_of(epoch: int, body: bytes) -> str:
    """The last word of an entry's name."""
    return "" if epoch > 0 else hashlib.sha256(body).hexdigest()
