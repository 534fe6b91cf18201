"""Each person's wrong PINs at this terminal, kept in the vault so that a restart forgets none."""

from __future__ import annotations

from typing import Final

import msgspec

from sentra.domain.lockout import Lockout
from sentra.vault import state
from sentra.vault.driver import Connection

_PREFIX: Final = "lockout/"


def load_lockout(db: Connection, person_id: str) -> Lockout:
    """The person's state; a clean one where there is none."""
    kept = state.get(db, _PREFIX + person_id)
    return Lockout() if kept is None else msgspec.convert(kept, Lockout)


def keep_lockout(db: Connection, person_id: str, lockout: Lockout) -> None:
    """Keep the person's state."""
    state.put(db, _PREFIX + person_id, lockout)
