"""The command lines of the back office: `sentra web`, `sentra worker`, `sentra import`."""

from __future__ import annotations

from pathlib import Path

import click

from sentra.telemetry import configure_logging


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="ADDRESS:PORT to serve.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes."
)
def web(bind: str, workers: int) -> None:
    """Serve the back office to browsers."""
    from sentra.cloud.database import make_engine, wait_for_database
    from sentra.cloud.keys import load_keys
    from sentra.cloud.redis_client import connect_redis, wait_for_redis
    from sentra.cloud.schema import require_newest
    from webapp.bootstrap import create_webapp
    from webapp.config import read_settings
    from webapp.server import serve

    settings = read_settings()
    configure_logging("webapp", level=settings.log_level)
    load_keys(settings.keys_dir)
    engine = make_engine(settings.database_url, application="webapp start")
    wait_for_database(engine)
    wait_for_redis(connect_redis(settings.redis_url))
    with engine.connect() as connection:
        require_newest(connection)
    engine.dispose()
    serve(lambda: create_webapp(settings), bind=bind, workers=workers, threads=settings.threads)


@click.command()
@click.option("--burst", is_flag=True, help="End when there is no job left.")
def worker(burst: bool) -> None:
    """Do the jobs that pages put into the queue: imports, large exports."""
    from webapp.config import read_settings
    from webapp.worker import work

    settings = read_settings()
    configure_logging("worker", level=settings.log_level)
    work(settings, burst=burst)


@click.group()
def import_group() -> None:
    """Take in what another system has."""


@import_group.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "wishes",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Say what a column means (nama=name); nothing after = leaves it out. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--report", type=click.Path(path_type=Path), help="Write every finding to this CSV.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object for a machine.")
def catalogue(
    file: Path, wishes: tuple[str, ...], dry_run: bool, report: Path | None, as_json: bool
) -> None:
    """Take products from a CSV or XLSX file of any old system."""
    import sys

    from webapp.catalogue.importing.command import import_catalogue

    configure_logging("import", level="warning", stream=sys.stderr)
    if not import_catalogue(file, wishes, dry_run=dry_run, report=report, as_json=as_json):
        sys.exit(1)
