"""The till's settings, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from sentra import i18n
from sentra.config import Environment
from sentra.telemetry import LEVELS


@dataclass(frozen=True, slots=True)
class Settings:
    """`cloud` is where an enrolment code is sent unless the person writes another address."""

    folder: Path
    cloud: str
    language: str
    log_level: str


def read_settings(values: Mapping[str, str], folder: Path | None = None) -> Settings:
    """The settings; `folder` from the command line goes before SENTRA_DATA_DIR.

    Raises:
        ConfigError: a setting is wrong; the sentence names it.
    """
    environment = Environment(values)
    default = user_data_path("sentra", appauthor=False) / "till"
    return Settings(
        folder=(folder or environment.folder("SENTRA_DATA_DIR", default)).absolute(),
        cloud=environment.optional("SENTRA_SYNC_URL") or "",
        language=i18n.supported(environment.optional(i18n.SETTING)),
        log_level=environment.choice("SENTRA_LOG_LEVEL", LEVELS, "info"),
    )
