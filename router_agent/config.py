"""The router's settings, read once from the environment and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """One router.

    `folder` holds its vault; `host` and `port` (0: any free one) are where tills find it, by TLS;
    `page_port` serves the status page without TLS on this machine alone (0: any free one).
    """

    folder: Path
    host: str = "0.0.0.0"  # noqa: S104 - a router is there for the branch's whole network
    port: int = 8443
    page_port: int = 8480
    advertised: tuple[str, ...] = ()
    threads: int = 24
