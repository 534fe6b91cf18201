"""The one place where the back office's parts are made and put together."""

from __future__ import annotations

import hmac
import time
from typing import Final, cast

from flask import Flask, redirect, request, session, url_for
from sqlalchemy import Engine, text
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys, load_keys
from sentra.cloud.redis_client import RedisClient, connect_redis
from sentra.instants import Clock, zone_label
from sentra.web.factory import create_app
from sentra.web.permissions import install_guard, public
from webapp import archiving
from webapp.account.routes import blueprint as account
from webapp.branches.device_routes import blueprint as devices
from webapp.branches.routes import blueprint as branches
from webapp.catalogue.category_routes import blueprint as categories
from webapp.catalogue.importing.routes import blueprint as imports
from webapp.catalogue.importing.routes import install_uploads
from webapp.catalogue.routes import blueprint as catalogue
from webapp.change import PARTS, Parts
from webapp.config import SETTINGS, Settings
from webapp.courier.routes import blueprint as courier
from webapp.courier.routes import install_courier_uploads
from webapp.dashboard.routes import blueprint as dashboard
from webapp.database import install_database, unavailable
from webapp.exceptions.routes import blueprint as exceptions
from webapp.exceptions.words import exception_title, place_name, severity_name
from webapp.frame import first_page, make_frame, role_name
from webapp.identity import current_member
from webapp.limits import install_limits
from webapp.live import install_live
from webapp.people.routes import blueprint as people
from webapp.sales.routes import blueprint as sales
from webapp.sessions import RedisSession, RedisSessions
from webapp.shifts.routes import blueprint as shifts
from webapp.words import device_role_name, kind_name, tender_name

BLUEPRINTS: Final = (
    account,
    dashboard,
    sales,
    shifts,
    exceptions,
    catalogue,
    categories,
    imports,
    branches,
    devices,
    people,
    courier,
)
"""One for each subject of the menu."""


FILTERS: Final = {
    "tender_name": tender_name,
    "kind_name": kind_name,
    "device_role_name": device_role_name,
    "role_name": role_name,
    "zone_label": zone_label,
    "exception_title": exception_title,
    "place_name": place_name,
    "severity_name": severity_name,
}
"""Words for codes, beside the filters of the kernel."""

_WITHOUT_SESSION: Final = frozenset({"static", "healthz", "readyz", "metrics"})


def now_ms() -> int:
    """The present instant."""
    return time.time_ns() // 1_000_000


def create_webapp(
    settings: Settings,
    *,
    clock: Clock = now_ms,
    engine: Engine | None = None,
    redis: RedisClient | None = None,
    keys: CompanyKeys | None = None,
) -> Flask:
    """The back office's WSGI app. What is not passed in is made from the settings.

    Raises:
        Failure: the keys cannot be read, or an address is none.
    """
    keys = keys or load_keys(settings.keys_dir)
    engine = engine or make_engine(
        settings.database_url, pool_size=settings.database_connections, application="webapp"
    )
    redis = redis or connect_redis(settings.redis_url)
    app = create_app(
        "webapp",
        secret_key=_derived(keys, "csrf"),
        default_language="en" if settings.language == "en" else "id",
        https=settings.https,
        gallery=settings.gallery,
        frame=make_frame,
        checks={"database": lambda: _ask(engine), "redis": lambda: _ping(redis)},
        clock=clock,
    )
    app.extensions[SETTINGS] = settings
    app.extensions[PARTS] = Parts(redis, keys, clock)
    app.session_interface = RedisSessions(redis, clock, https=settings.https)
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # Flask's own documented way
    app.jinja_env.filters.update(FILTERS)
    app.before_request_funcs.setdefault(None, []).insert(0, _require_session_store)
    install_guard(app, who=current_member, sign_in_url=_sign_in_url)
    install_database(app, engine)
    archiving.watch(engine, clock)
    install_live(app, redis, threads=settings.threads)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    install_uploads(app)
    install_courier_uploads(app)
    install_limits(app, settings.redis_url)
    app.add_url_rule("/", "home", _home)
    return app


@public("sends whoever comes to their first page, or to the sign-in page")
def _home() -> Response:
    person = current_member()
    return redirect(_sign_in_url() if person is None else first_page(person), 303)


def _require_session_store() -> None:
    """Answer 503 where Redis does not; nobody is signed in or out by such a moment."""
    if request.endpoint not in _WITHOUT_SESSION and not cast(RedisSession, session).reachable:
        raise unavailable()


def _sign_in_url() -> str:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    known = wanted not in ("", "/") and request.endpoint not in ("live.stream", "home")
    return url_for("account.sign_in", next=wanted) if known else url_for("account.sign_in")


def _derived(keys: CompanyKeys, purpose: str) -> str:
    """A secret of the back office's own, the same on every pod, from the company's pepper."""
    return hmac.digest(keys.pepper, f"webapp {purpose}".encode(), "sha256").hex()


def _ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _ping(redis: RedisClient) -> None:
    redis.ping()
