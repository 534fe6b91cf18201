"""New ids for what the cloud decides."""

from __future__ import annotations

import secrets

from sentra.ids import RANDOM_BYTES, uuid7


def new_id(now_ms: int) -> str:
    """A fresh UUIDv7 of this moment."""
    return uuid7(now_ms, secrets.token_bytes(RANDOM_BYTES))
