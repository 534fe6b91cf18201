"""The way to PostgreSQL: an engine from a URL, and a start that waits for it with patience."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from sentra.failures import Failure

START_SECONDS_MAX: Final = 30
"""How long a program waits for its database at start: a failover of Aurora takes under this."""
_PAUSE_SECONDS_MAX: Final = 3
_CONNECT_SECONDS_MAX: Final = 5
POOL_SIZE: Final = 10
"""Connections that one process keeps; PgBouncer or Aurora's limit is divided by the pods."""


class DatabaseError(Failure):
    """The family: the cloud's database cannot be used."""

    code = "database"


class DatabaseUrlWrong(DatabaseError):
    """The URL is none, or not one of PostgreSQL."""

    code = "database-url"
    sentence = (
        "SENTRA_DATABASE_URL is not the address of a PostgreSQL database. It looks like "
        "postgresql://user:password@host:5432/sentra."
    )


class NotTheOwner(DatabaseError):
    """The role that the programs use has not the right to this."""

    code = "database-owner"
    sentence = "Only the database's owner may do this. Put its name into SENTRA_DATABASE_URL."


class DatabaseUnavailable(DatabaseError):
    """PostgreSQL does not answer, or refuses the sign-in."""

    code = "database-unavailable"
    sentence = (
        "The database at %(where)s did not answer within %(seconds)s seconds: %(reason)s. Check "
        "that PostgreSQL runs and that SENTRA_DATABASE_URL is right, then start again; nothing "
        "was changed."
    )
    retry = True


def make_engine(url: str, *, pool_size: int = POOL_SIZE, application: str = "sentra") -> Engine:
    """An engine for `postgresql://…`; it connects at first use. Raises `DatabaseUrlWrong`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlWrong from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise DatabaseUrlWrong
    return create_engine(
        parsed.set(drivername="postgresql+psycopg2"),
        pool_size=pool_size,
        max_overflow=pool_size,
        # A connection that a failover broke is found before it is used.
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS_MAX, "application_name": application},
    )


@contextmanager
def owner_needed() -> Iterator[None]:
    """Around what only the database's owner may do. Raises `NotTheOwner`."""
    try:
        yield
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise NotTheOwner from error
        raise


def wait_for_database(engine: Engine, *, seconds_max: float = START_SECONDS_MAX) -> None:
    """Return when PostgreSQL answers; raises `DatabaseUnavailable` after `seconds_max`.

    Pauses grow with full jitter, so that many pods do not come back in step.
    """
    attempts = Retrying(
        retry=retry_if_exception_type(OperationalError),
        wait=wait_random_exponential(multiplier=0.1, max=_PAUSE_SECONDS_MAX),
        stop=stop_after_delay(seconds_max),
        reraise=True,
    )
    try:
        attempts(_ask, engine)
    except OperationalError as error:
        raise DatabaseUnavailable(
            where=engine.url.render_as_string(hide_password=True),
            seconds=f"{seconds_max:g}",
            reason=str(error.orig).strip().splitlines()[0],
        ) from error


def _ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
