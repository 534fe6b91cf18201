"""`sentra router`: one or several branch routers in this process."""

from __future__ import annotations

import json
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
@click.option("--port", default=8443, show_default=True, help="For tills, by TLS; 0 for a free one.")
@click.option("--page-port", default=8480, show_default=True, help="The page on this machine alone.")
@click.option("--advertise", multiple=True, help="host:port that tills are told, instead of our own.")
@click.option("--threads", default=24, show_default=True, help="Requests served at once.")
@click.option("--ports-file", type=click.Path(path_type=Path), help="Writes the ports as JSON here.")
def router(
    folders: tuple[Path, ...],
    host: str,
    port: int,
    page_port: int,
    advertise: tuple[str, ...],
    threads: int,
    ports_file: Path | None,
) -> None:
    """Run the branch router of each folder until it is told to stop."""
    from router_agent.bootstrap import Router
    from router_agent.config import RouterSettings

    configure_logging("router")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    routers: list[Router] = []
    ports: dict[str, dict[str, object]] = {}
    try:
        for place, folder in enumerate(folders):
            settings = RouterSettings(
                folder=folder,
                host=host,
                port=port + place if port else 0,
                page_port=page_port + place if page_port else 0,
                advertised=advertise,
                threads=threads,
            )
            one = Router(settings, lambda: time.time_ns() // 1_000_000, version("sentra"))
            routers.append(one)
            tls_port, plain_port = one.start()
            ports[str(folder)] = {
                "router": one.identity.device_id,
                "branch": one.identity.branch_name,
                "port": tls_port,
                "page": f"http://127.0.0.1:{plain_port}/",
            }
        if ports_file is not None:
            _write(ports_file, ports)
        stop.wait()
    finally:
        for one in routers:
            one.stop()


def _write(path: Path, ports: dict[str, dict[str, object]]) -> None:
    """Whole or not at all: another process waits for this file."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(ports))
    part.replace(path)
