"""The command lines of the back office: `sentra web`."""

from __future__ import annotations

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
