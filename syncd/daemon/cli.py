"""`sentra syncd daemon`."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import click

from sentra import i18n
from sentra.telemetry import configure_logging


@click.command("daemon")
@click.option(
    "--data",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A till's data folder; may be given several times. Also the setting SENTRA_DATA_DIR.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    help="Show /metrics, /healthz and /readyz on this port of 127.0.0.1; 0 takes a free one.",
)
def daemon(folders: tuple[Path, ...], metrics_port: int | None) -> None:
    """Move a till's sales up and the decisions down, until stopped."""
    from syncd.daemon.bootstrap import Daemon
    from syncd.daemon.config import read_settings

    settings = read_settings(os.environ, folders, metrics_port)
    configure_logging("syncd-daemon", level=settings.log_level)
    running = Daemon(settings, version("sentra"))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: running.stop())
    failure = running.run()
    if failure is not None:
        click.echo(failure.told(i18n.translate(i18n.language())), err=True)
        sys.exit(1)
