"""The one place where the service's parts are made and put together, in each worker process."""

from __future__ import annotations

import hmac
import time
from importlib.metadata import version

from flask import Flask, request
from flask_limiter import Limiter
from sqlalchemy import Connection, text
from werkzeug.middleware.proxy_fix import ProxyFix

from sentra.cloud.findings import Products
from sentra.cloud.keys import load_keys
from sentra.cloud.redis_client import RedisClient, connect_redis
from sentra.instants import Clock
from sentra.protocol.envelope import ENVELOPE_BYTES_MAX
from sentra.telemetry import install_request_metrics
from sentra.web.devices import install_protocol_errors
from sentra.web.factory import create_app
from syncd.service.config import Settings
from syncd.service.inbound import enrol, feed, hello, journal, own_journal, snapshot, stream
from syncd.service.inbound.parts import EXTENSION, Parts
from syncd.service.outbound.known_devices import KnownDevices
from syncd.service.outbound.nonces import RedisNonces
from syncd.service.outbound.streams import Streams
from syncd.service.outbound.threads import Lane, thread_engine

PROGRAM = "syncd-service"


def now_ms() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


def create_service(settings: Settings, *, clock: Clock = now_ms) -> Flask:
    """The service's WSGI app. Make it where it is to run: it belongs to that process's hub.

    Raises:
        Failure: the keys cannot be read, or an address is none.
    """
    keys = load_keys(settings.keys_dir)
    engine = thread_engine(settings.database_url)
    redis = connect_redis(settings.redis_url)
    quick = Lane(engine, settings.quick_threads)
    here = Parts(
        ingest=Lane(engine, settings.ingest_threads),
        quick=quick,
        devices=KnownDevices(quick, clock),
        products=Products(),
        nonces=RedisNonces(redis, clock),
        streams=Streams(settings.streams_max),
        redis=redis,
        keys=keys,
        clock=clock,
        cloud_url=settings.sync_url,
        version=version("sentra"),
    )
    app = create_app(
        "syncd.service",
        secret_key=hmac.digest(keys.pepper, b"syncd service", "sha256").hex(),
        default_language="en" if settings.language == "en" else "id",
        https=settings.sync_url.startswith("https://"),
        csrf=False,
        checks={
            "database": lambda: quick.run(_ask),
            "redis": lambda: _ping(redis),
        },
        clock=clock,
        body_size_max_bytes=ENVELOPE_BYTES_MAX,
    )
    app.extensions[EXTENSION] = here
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies)  # type: ignore[method-assign]  # Flask's own documented way
    install_request_metrics(app, PROGRAM)
    install_protocol_errors(app, clock)
    limiter = Limiter(
        _address,
        app=app,
        storage_uri=settings.redis_url.replace("unix://", "redis+unix://", 1),
        in_memory_fallback_enabled=True,
    )
    enrol.limit_guesses(limiter)
    for each in (enrol, hello, journal, own_journal, feed, snapshot, stream):
        app.register_blueprint(each.blueprint)
    return app


def _address() -> str:
    return request.remote_addr or "unknown"


def _ask(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def _ping(redis: RedisClient) -> None:
    redis.ping()
