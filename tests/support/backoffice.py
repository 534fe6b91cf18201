"""The back office for tests: a small chain that trades, the app on it, and people who sign in.

`chain_url` is a database of the test's own, copied from one that is filled once per process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.embedded.postgres import EmbeddedPostgres
from tests.present import NOW_MS
from tests.support.chain import PASSWORD, Chain, make_chain
from webapp.bootstrap import create_webapp
from webapp.config import Settings
from webapp.live import EXTENSION

FILLED: Final = "sentra_chain"
DAYS: Final = 9
"""Today, and the same day a week ago."""
SALES: Final = 8

_numbers = count(1)
_filled: dict[str, Chain] = {}
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')

Clients = Callable[..., FlaskClient]


@pytest.fixture(scope="session")
def filled_chain(
    postgres: EmbeddedPostgres, postgres_maintenance: Engine, company_keys: CompanyKeys
) -> Chain:
    """The chain in the database that others are copied from.

    Two folders of tests ask for it, each through a fixture of its own: it is made once a server.
    """
    place = postgres.url(FILLED)
    if place in _filled:
        return _filled[place]
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {FILLED} TEMPLATE sentra_template"))
    engine = make_engine(place)
    with engine.begin() as connection:
        made = make_chain(connection, company_keys, NOW_MS, days=DAYS, sales=SALES)
    engine.dispose()
    _filled[place] = made
    return made


@pytest.fixture
def chain_url(
    postgres: EmbeddedPostgres, postgres_maintenance: Engine, filled_chain: Chain
) -> Iterator[str]:
    """A copy of the filled database, as the role that the programs use."""
    name = f"chain_{next(_numbers)}"
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {FILLED} STRATEGY FILE_COPY"))
    yield postgres.url(name, "sentra_app")
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def chain(filled_chain: Chain) -> Chain:
    """What the chain has, by name. Its tills' heads are shared: tests copy before they write."""
    return filled_chain


@pytest.fixture
def chain_engine(chain_url: str) -> Iterator[Engine]:
    """An engine on the chain's database, with the programs' rights."""
    made = make_engine(chain_url)
    yield made
    made.dispose()


@pytest.fixture
def as_owner(chain_url: str) -> Iterator[Engine]:
    """An engine with the rights of the database's owner: for what no program may do."""
    made = make_engine(chain_url.replace("sentra_app@", "postgres@"))
    yield made
    made.dispose()


@pytest.fixture
def settings(chain_url: str, redis_url: str, company_keys: CompanyKeys, tmp_path: Path) -> Settings:
    """Settings of a back office on loopback, in English so that tests read."""
    return Settings(
        database_url=chain_url,
        redis_url=redis_url,
        queue_url=redis_url,
        s3_bucket=None,
        object_dir=tmp_path / "objects",
        keys_dir=company_keys.folder,
        public_url="http://127.0.0.1",
        sync_url="https://sync.example",
        log_level="info",
        language="en",
        threads=16,
        database_connections=4,
        proxies=0,
        gallery=False,
    )


@pytest.fixture
def webapp(
    settings: Settings, chain_engine: Engine, redis_client: RedisClient, company_keys: CompanyKeys
) -> Iterator[Flask]:
    """The back office at `NOW_MS`."""
    app = create_webapp(
        settings, clock=lambda: NOW_MS, engine=chain_engine, redis=redis_client, keys=company_keys
    )
    yield app
    app.extensions[EXTENSION].close()


@pytest.fixture
def signed_in(webapp: Flask) -> Clients:
    """`signed_in("budi")` gives a client whose session is that person's."""

    def make(login: str = "ratna") -> FlaskClient:
        client = webapp.test_client()
        client.set_cookie("sentra_language", "en")
        answer = client.post(
            "/sign-in",
            data={"login": login, "password": PASSWORD, "csrf_token": token_of(client, "/sign-in")},
        )
        assert answer.status_code == 303, answer.text[:500]
        return client

    return make


def token_of(client: FlaskClient, page: str) -> str:
    """The CSRF token that a page gives its forms."""
    found = _TOKEN.search(client.get(page).text)
    assert found, f"{page} has no form"
    return found[1]


def post(client: FlaskClient, to: str, /, **fields: object) -> TestResponse:
    """Send a form as a browser does that has loaded a page of this person's."""
    return client.post(to, data={**fields, "csrf_token": token_of(client, "/account")})
