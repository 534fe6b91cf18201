"""The daemon's settings, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentra.config import Environment
from sentra.telemetry import LEVELS
from sentra.vault.archived import WINDOW_DAYS_DEFAULT

TIMER_MS_DEFAULT: Final = 5_000
"""A lost wake-up costs this much latency, and no data."""

PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """`folders` are tills' data folders; `metrics_port` is on loopback, None for none.

    `keep_days` is how far back the cloud's database can be restored: archived entries stay as long.
    """

    folders: tuple[Path, ...]
    timer_ms: int = TIMER_MS_DEFAULT
    metrics_port: int | None = None
    log_level: str = "info"
    keep_days: int = WINDOW_DAYS_DEFAULT


def read_settings(
    environment: Mapping[str, str], folders: Sequence[Path], metrics_port: int | None
) -> DaemonSettings:
    """Settings of the command line over those of the environment. Raises ConfigError."""
    settings = Environment(environment)
    given = tuple(path.absolute() for path in folders) or (settings.folder("SENTRA_DATA_DIR"),)
    return DaemonSettings(
        folders=tuple(dict.fromkeys(given)),
        timer_ms=settings.number(
            "SENTRA_SYNC_TIMER_MS", TIMER_MS_DEFAULT, least=100, most=10 * 60 * 1000
        ),
        metrics_port=metrics_port,
        log_level=settings.choice("SENTRA_LOG_LEVEL", LEVELS, "info"),
        keep_days=settings.number("SENTRA_KEEP_DAYS", WINDOW_DAYS_DEFAULT, least=1, most=36_500),
    )
