"""One PostgreSQL connection for each request that reads, and what happens where none is to be had.

A request's reads share one transaction, so that a page's figures belong together; it ends with
the request. Writes go through `change.Change`, which has a transaction of its own.
"""

from __future__ import annotations

from typing import Any, Final, cast

import structlog
from flask import Flask, Response, current_app, g
from flask_babel import gettext
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from sentra.web.errors import Problem, answer_problem

ENGINE: Final = "sentra-engine"

STATEMENT_MS_MAX: Final = 20_000
"""No page waits longer for one statement; larger questions are jobs of the worker."""

RETRY_S: Final = 30
"""What a page that found no database tells browsers and balancers to wait."""

_QUERY_CANCELED: Final = "57014"
_log = structlog.get_logger(__name__)


def install_database(app: Flask, engine: Engine) -> None:
    """Give each request `connection()`, and answer 503 where PostgreSQL or Redis does not."""
    app.extensions[ENGINE] = engine
    event.listen(engine, "connect", _limit_statements)

    @app.teardown_appcontext
    def release(_error: BaseException | None) -> None:
        held = g.pop("connection", None)
        if held is not None:
            held.close()

    for absent in (OperationalError, InterfaceError, TimeoutError, RedisError):
        app.register_error_handler(absent, _answer_absent)


def engine() -> Engine:
    """The engine of the app at hand."""
    return cast(Engine, current_app.extensions[ENGINE])


def connection() -> Connection:
    """The reading connection of this request."""
    if "connection" not in g:
        g.connection = engine().connect()
    return cast(Connection, g.connection)


def _limit_statements(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {STATEMENT_MS_MAX}")
    connection.commit()


def unavailable() -> Problem:
    """The problem to raise where a part that the page needs does not answer."""
    return Problem(
        "unavailable",
        503,
        gettext("A part that this page needs does not answer right now. Tills go on selling."),
        title=gettext("Back in a moment"),
        retry=True,
        retry_after_s=RETRY_S,
    )


def _too_slow() -> Problem:
    return Problem(
        "too-slow",
        503,
        gettext("Over so many sales this takes too long. Choose a shorter time or fewer branches."),
        title=gettext("That is too much at once"),
        retry=False,
    )


def _answer_absent(error: Exception) -> Response:
    _log.warning("a part does not answer", exc_info=error)
    code = getattr(error.orig, "pgcode", None) if isinstance(error, DBAPIError) else None
    return answer_problem(_too_slow() if code == _QUERY_CANCELED else unavailable())
