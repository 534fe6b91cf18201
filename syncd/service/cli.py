"""The command line of the service: `sentra syncd service`."""

from __future__ import annotations

from urllib.parse import urlsplit

import click


@click.command()
@click.option("--bind", default="127.0.0.1:8443", show_default=True, help="ADDRESS:PORT to serve.")
@click.option("--tls", is_flag=True, help="Serve TLS with the certificate of the company's keys.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes."
)
def service(bind: str, tls: bool, workers: int) -> None:
    """Serve the cloud end of the protocol to tills and routers."""
    # Before anything else is imported: what is bound to the blocking originals stays blocking.
    from gevent import monkey

    monkey.patch_all()
    _serve(bind, tls=tls, workers=workers)


def _serve(bind: str, *, tls: bool, workers: int) -> None:
    from sentra.cloud.keys import load_keys
    from sentra.telemetry import configure_logging
    from syncd.service.bootstrap import PROGRAM, create_service
    from syncd.service.config import read_settings
    from syncd.service.server import Tls, serve

    settings = read_settings()
    configure_logging(PROGRAM, level=settings.log_level)
    keys = load_keys(settings.keys_dir)
    _wait_for_parts(settings.database_url, settings.redis_url)
    files = None
    if tls:
        host = urlsplit(settings.sync_url).hostname or "127.0.0.1"
        keys.serve_hosts((host, bind.rpartition(":")[0].strip("[]")))
        files = Tls(keys.server_certificate_file, keys.server_key_file)
    serve(
        lambda: create_service(settings),
        bind=bind,
        workers=workers,
        streams_max=settings.streams_max,
        tls=files,
    )


def _wait_for_parts(database_url: str, redis_url: str) -> None:
    """Return when PostgreSQL (with today's schema) and Redis answer; sentences where not."""
    from sentra.cloud.database import make_engine, wait_for_database
    from sentra.cloud.redis_client import connect_redis, wait_for_redis
    from sentra.cloud.schema import require_newest

    engine = make_engine(database_url, application="sentra-sync start")
    wait_for_database(engine)
    with engine.connect() as connection:
        require_newest(connection)
    engine.dispose()
    client = connect_redis(redis_url)
    wait_for_redis(client)
    client.close()
