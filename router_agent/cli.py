"""`sentra router`: one or several branch routers in this process."""

from __future__ import annotations

import signal
import threading
import time
from importlib.metadata import version
from pathlib import Path

import click

from sentra.telemetry import configure_logging


@click.command()
@click.option(
    "--data",
    "folders",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    required=True,
    envvar="SENTRA_DATA_DIR",
    help="The router's folder; give it again for another router in this process.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Where tills find it.")  # noqa: S104
@click.option(
    "--port", "ports", type=int, multiple=True, help="For tills, by TLS; 8443 unless given."
)
@click.option(
    "--page-port",
    "page_ports",
    type=int,
    multiple=True,
    help="The page on this machine alone; 8480 unless given.",
)
@click.option(
    "--advertise", multiple=True, help="host:port that tills are told, instead of our own."
)
@click.option("--threads", default=24, show_default=True, help="Requests served at once.")
def router(
    folders: tuple[Path, ...],
    host: str,
    ports: tuple[int, ...],
    page_ports: tuple[int, ...],
    advertise: tuple[str, ...],
    threads: int,
) -> None:
    """Run the branch router of each folder until it is told to stop.

    With several folders, give --port, --page-port and --advertise once for each, in their order.
    """
    from router_agent.bootstrap import Router
    from router_agent.config import RouterSettings

    configure_logging("router")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    routers: list[Router] = []
    try:
        for place, folder in enumerate(folders):
            settings = RouterSettings(
                folder=folder,
                host=host,
                port=_of(ports, place, 8443),
                page_port=_of(page_ports, place, 8480),
                advertised=advertise[place : place + 1],
                threads=threads,
            )
            one = Router(settings, lambda: time.time_ns() // 1_000_000, version("sentra"))
            routers.append(one)
            one.start()
        stop.wait()
    finally:
        for one in routers:
            one.stop()


def _of(given: tuple[int, ...], place: int, default: int) -> int:
    """The port for the folder at this place: given, or counted on from the last that is known."""
    if place < len(given):
        return given[place]
    return (given[-1] + place - len(given) + 1) if given else default + place
