"""The fixtures of the back office."""

from __future__ import annotations

from tests.support.backoffice import (
    as_owner,
    chain,
    chain_engine,
    chain_url,
    filled_chain,
    settings,
    signed_in,
    webapp,
)

__all__ = [
    "as_owner",
    "chain",
    "chain_engine",
    "chain_url",
    "filled_chain",
    "settings",
    "signed_in",
    "webapp",
]
