"""A database that was set back, or is a copy, goes on in a timeline of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from sentra.cloud.cli import db
from sentra.cloud.company import CompanyFacts, follow_restore, the_company
from sentra.cloud.database import NotTheOwner, make_engine
from tests.present import NOW_MS

LATER_MS = NOW_MS + 60_000


def facts(engine: Engine) -> CompanyFacts:
    with engine.connect() as connection:
        return the_company(connection)


def follow(engine: Engine, now_ms: int = LATER_MS) -> bool:
    with engine.begin() as connection:
        return follow_restore(connection, now_ms)


@pytest.fixture
def copied(company: CompanyFacts, engine: Engine, postgres_maintenance: Engine) -> Iterator[Engine]:
    """A copy of the company's database after a first hello there, as the programs' role."""
    assert not follow(engine)
    source = make_url(engine.url)
    engine.dispose()
    name = f"{source.database}_copy"
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source.database}"))
    made = make_engine(
        source.set(database=name, username="sentra_app").render_as_string(hide_password=False)
    )
    yield made
    made.dispose()
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_where_nothing_happened_the_timeline_stays(
    company: CompanyFacts, app_engine: Engine
) -> None:
    assert [follow(app_engine) for _ in range(3)] == [False] * 3
    assert facts(app_engine) == company


def test_a_copy_begins_a_later_one_by_itself_and_once(
    company: CompanyFacts, copied: Engine
) -> None:
    with ThreadPoolExecutor(4) as pool:
        began = list(pool.map(lambda _: follow(copied), range(4)))
    assert sorted(began) == [False, False, False, True]
    now = facts(copied)
    assert now.timeline != company.timeline
    assert now.timeline_at_ms == LATER_MS > company.timeline_at_ms
    assert not follow(copied)


def test_the_new_one_is_later_also_by_a_clock_that_went_back(
    company: CompanyFacts, copied: Engine
) -> None:
    assert follow(copied, now_ms=5)
    assert facts(copied).timeline_at_ms == company.timeline_at_ms + 1


def test_a_program_begins_none_where_nothing_happened(
    company: CompanyFacts, app_engine: Engine
) -> None:
    with app_engine.connect() as connection, pytest.raises(ProgrammingError, match="permission"):
        connection.execute(text("UPDATE company SET origin = 'x'"))
    with app_engine.connect() as connection, pytest.raises(ProgrammingError, match="permission"):
        connection.execute(text("SELECT database_origin()"))


@pytest.fixture
def command(database_url: str) -> Callable[..., Result]:
    def invoke(url: str = database_url) -> Result:
        environment = {"SENTRA_DATABASE_URL": url, "SENTRA_LANGUAGE": "en"}
        return CliRunner(env=environment).invoke(db, ["restored"])

    return invoke


def test_a_person_can_say_so_where_postgresql_does_not_know(
    company: CompanyFacts, engine: Engine, app_database_url: str, command: Callable[..., Result]
) -> None:
    assert isinstance(command(app_database_url).exception, NotTheOwner)
    done = command()
    assert done.exit_code == 0, done.output
    now = facts(engine)
    assert now.timeline in done.output
    assert now.timeline != company.timeline
    assert now.timeline_at_ms > company.timeline_at_ms
    assert not follow(engine, now.timeline_at_ms + 1)
