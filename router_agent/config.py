"""The router's settings, read once from the environment and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sentra.config import Environment
from sentra.telemetry import LEVELS
from sentra.vault.archived import WINDOW_DAYS_DEFAULT

PORT_DEFAULT: Final = 8443
PAGE_PORT_DEFAULT: Final = 8480

THREADS_DEFAULT: Final = 8
"""Requests answered at once; tills that only wait for a word have threads of their own."""


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """One router.

    `folder` holds its vault; `host` and `port` (0: any free one) are where tills find it, by TLS;
    `page_port` serves the status page without TLS on this machine alone (0: any free one).
    `advertised` are the host:port that tills are told, instead of this machine's own. `keep_days`
    is how far back the cloud's database can be restored: archived entries stay as long.
    """

    folder: Path
    host: str = "0.0.0.0"  # noqa: S104 - a router is there for the branch's whole network
    port: int = PORT_DEFAULT
    page_port: int = PAGE_PORT_DEFAULT
    advertised: tuple[str, ...] = ()
    threads: int = THREADS_DEFAULT
    keep_days: int = WINDOW_DAYS_DEFAULT


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """All routers of one process."""

    routers: tuple[RouterSettings, ...]
    log_level: str


def read_settings(
    environment: Mapping[str, str],
    folders: Sequence[Path],
    *,
    host: str,
    ports: Sequence[int],
    page_ports: Sequence[int],
    advertised: Sequence[str],
    threads: int,
) -> ProcessSettings:
    """Settings of the command line over those of the environment. Raises ConfigError.

    With several folders, ports and addresses are given once for each, in the folders' order.
    """
    settings = Environment(environment)
    keep_days = settings.number("SENTRA_KEEP_DAYS", WINDOW_DAYS_DEFAULT, least=1, most=36_500)
    given = tuple(path.absolute() for path in folders) or (settings.folder("SENTRA_DATA_DIR"),)
    return ProcessSettings(
        routers=tuple(
            RouterSettings(
                folder=folder,
                host=host,
                port=_port(ports, place, PORT_DEFAULT),
                page_port=_port(page_ports, place, PAGE_PORT_DEFAULT),
                advertised=tuple(advertised[place : place + 1]),
                threads=threads,
                keep_days=keep_days,
            )
            for place, folder in enumerate(dict.fromkeys(given))
        ),
        log_level=settings.choice("SENTRA_LOG_LEVEL", LEVELS, "info"),
    )


def _port(given: Sequence[int], place: int, default: int) -> int:
    """The port for the folder at this place: given, or counted on from the last that is known."""
    if place < len(given):
        return given[place]
    if not given:
        return default + place
    return given[-1] + place - len(given) + 1 if given[-1] else 0
