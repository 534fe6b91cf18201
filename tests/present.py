"""The tests' own present; nothing under test reads a clock that it was not given."""

from __future__ import annotations

from typing import Final

NOW_MS: Final = 1_795_330_000_000
"""2026-11-22 in the morning, Indonesian time."""
