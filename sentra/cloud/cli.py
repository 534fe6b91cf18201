"""`sentra db`: make, migrate and look at the cloud's database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Engine, exists, select

from sentra.cloud import company as companies
from sentra.cloud import people
from sentra.cloud.database import make_engine, wait_for_database
from sentra.cloud.keys import CompanyKeys, create_keys, load_keys
from sentra.cloud.schema import current_revision, migrate, newest_revision
from sentra.cloud.tables import app_user
from sentra.config import Environment
from sentra.domain.permission import OWNER
from sentra.i18n import say
from sentra.money import currency as known_currency

_DATABASE = "SENTRA_DATABASE_URL"
_KEYS = "SENTRA_KEYS_DIR"


@click.group()
def db() -> None:
    """Make, migrate and look at the cloud's database."""


@db.command()
@click.option("--company", required=True, help="The company's name, as receipts show it.")
@click.option("--currency", default="IDR", show_default=True, help="ISO 4217.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=("localhost", "127.0.0.1"),
    show_default=True,
    help="Name or address of the sync service, for its certificate; may be repeated.",
)
@click.option("--owner", default="owner", show_default=True, help="Sign-in name of the owner.")
@click.option(
    "--owner-password",
    envvar="SENTRA_OWNER_PASSWORD",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="Asked for, or taken from SENTRA_OWNER_PASSWORD.",
)
def init(
    company: str, currency: str, hosts: tuple[str, ...], owner: str, owner_password: str
) -> None:
    """Make the tables, the keys, the company and its owner; what is there already stays."""
    currency = known_currency(currency).code
    with _engine() as engine:
        migrate(engine)
        keys = _keys(company, hosts)
        now_ms = time.time_ns() // 1_000_000
        with engine.begin() as connection:
            facts = companies.init_company(
                connection,
                name=company,
                currency=currency,
                now_ms=now_ms,
                signing_key=keys.signing_key,
            )
            if not connection.execute(select(exists().select_from(app_user))).scalar_one():
                people.create_person(
                    connection,
                    name=owner.capitalize(),
                    login=owner,
                    password=owner_password,
                    roles=(OWNER,),
                    keys=keys,
                    now_ms=now_ms,
                )
    click.echo(
        say(
            "%(company)s (%(currency)s) is ready; its keys are in %(folder)s. Back that folder up.",
            company=facts.name,
            currency=facts.currency,
            folder=keys.folder,
        )
    )


@db.command(name="migrate")
def migrate_command() -> None:
    """Bring the tables up to this version; run as the database's owner."""
    with _engine() as engine:
        before, after = migrate(engine)
    if before == after:
        click.echo(say("The database was at schema %(now)s already.", now=after))
    else:
        click.echo(
            say("The database went from schema %(was)s to %(now)s.", was=before or "0", now=after)
        )


@db.command()
def status() -> None:
    """Say which schema the database has and which this version needs; status 1 if they differ."""
    with _engine() as engine, engine.connect() as connection:
        found, wanted = current_revision(connection), newest_revision()
        facts = companies.find_company(connection) if found == wanted else None
    click.echo(say("Schema: %(found)s; needed: %(wanted)s.", found=found or "0", wanted=wanted))
    if facts is not None:
        click.echo(
            say("Company: %(name)s (%(currency)s).", name=facts.name, currency=facts.currency)
        )
    if found != wanted:
        raise SystemExit(1)


@contextmanager
def _engine() -> Iterator[Engine]:
    url = Environment(os.environ).text(_DATABASE)
    engine = make_engine(url, application="sentra db")
    try:
        wait_for_database(engine)
        yield engine
    finally:
        engine.dispose()


def _keys(company: str, hosts: tuple[str, ...]) -> CompanyKeys:
    folder = Path(Environment(os.environ).text(_KEYS)).expanduser().absolute()
    if folder.exists() and any(folder.iterdir()):
        keys = load_keys(folder)
        keys.serve_hosts(hosts)
        return keys
    return create_keys(folder, company=company, hosts=hosts)
