"""`sentra router`: one or several branch routers in this process; `sentra verify --router`."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sentra.telemetry import configure_logging
from sentra.verification import Proof, Scope, progress, scoped, tell

if TYPE_CHECKING:
    from router_agent.bootstrap import Router
    from router_agent.config import RouterSettings

_FOLDER = click.Path(path_type=Path, file_okay=False)
_PORT = click.IntRange(0, 65_535)


@click.command()
@click.option(
    "--data",
    "folders",
    type=_FOLDER,
    multiple=True,
    help="The router's folder; give it again for another router in this process. Also the "
    "setting SENTRA_DATA_DIR.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Where tills find it.")  # noqa: S104
@click.option(
    "--port", "ports", type=_PORT, multiple=True, help="For tills, by TLS; 8443 unless given."
)
@click.option(
    "--page-port",
    "page_ports",
    type=_PORT,
    multiple=True,
    help="The page on this machine alone; 8480 unless given.",
)
@click.option(
    "--advertise",
    "advertised",
    multiple=True,
    help="host:port that tills are told, instead of our own.",
)
@click.option(
    "--threads",
    default=8,
    show_default=True,
    type=click.IntRange(2, 256),
    help="Requests answered at once.",
)
def router(
    folders: tuple[Path, ...],
    host: str,
    ports: tuple[int, ...],
    page_ports: tuple[int, ...],
    advertised: tuple[str, ...],
    threads: int,
) -> None:
    """Run the branch router of each folder until it is told to stop.

    With several folders, give --port, --page-port and --advertise once for each, in their order.
    """
    from router_agent.config import read_settings

    settings = read_settings(
        os.environ,
        folders,
        host=host,
        ports=ports,
        page_ports=page_ports,
        advertised=advertised,
        threads=threads,
    )
    configure_logging("router", level=settings.log_level)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    _serve(settings.routers, stop)


def _serve(settings: Sequence[RouterSettings], stop: threading.Event) -> None:
    from router_agent.bootstrap import Router

    running: list[Router] = []
    try:
        for one in settings:
            made = Router(one, lambda: time.time_ns() // 1_000_000, version("sentra"))
            running.append(made)
            made.start()
        stop.wait()
    finally:
        _stop_all(running)


def _stop_all(running: Sequence[Router]) -> None:
    """All at once: each needs up to two seconds, whatever the number."""
    with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
        for ending in [pool.submit(one.stop) for one in running]:
            ending.result()


@click.command("verify")
@scoped
@click.option(
    "--router",
    "folders",
    type=_FOLDER,
    multiple=True,
    required=True,
    help="A router's folder; may be given several times, also while the router runs.",
)
def verify(*, folders: tuple[Path, ...], scope: Scope, as_json: bool) -> None:
    """Prove what routers hold: chains, signatures, gaps, decisions, and the sums of the sales."""
    from router_agent.verify import prove

    with progress() as count:
        proofs = [proof for folder in folders for proof in prove(folder, scope, count)]
    scope.require(bool(proofs))
    tell(Proof(proofs), as_json=as_json)
