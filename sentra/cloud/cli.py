"""`sentra db`: make, migrate and look at the cloud's database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

import click
from sqlalchemy import Engine, exists, select

from sentra.cloud import company as companies
from sentra.cloud import people
from sentra.cloud.database import make_engine, owner_needed, wait_for_database
from sentra.cloud.keys import CompanyKeys, create_keys, load_keys
from sentra.cloud.schema import current_revision, migrate, newest_revision
from sentra.cloud.tables import app_user
from sentra.config import Environment
from sentra.domain.permission import OWNER
from sentra.i18n import say
from sentra.money import currency as known_currency

_DATABASE = "SENTRA_DATABASE_URL"
_KEYS = "SENTRA_KEYS_DIR"


GROUP: Final = "sentra.db"
"""Entry points of commands that stand outside the kernel; `name = package.module:function`."""


class _Commands(click.Group):
    """The commands below, and those that programs declare, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in the alphabet's order."""
        return sorted({*super().list_commands(ctx), *_declared()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them."""
        found = _declared().get(cmd_name)
        if found is None:
            return super().get_command(ctx, cmd_name)
        command = found.load()
        assert isinstance(command, click.Command), found.value  # noqa: S101 - a fault of ours
        return command


def _declared() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@click.group(cls=_Commands)
def db() -> None:
    """Make, migrate, archive, rebuild and look at the cloud's database."""


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
            somebody = exists().where(app_user.c.login.is_not(None))
            if not connection.execute(select(somebody)).scalar_one():
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
def restored() -> None:
    """Say that this database was set back to an earlier moment: it gets a new timeline.

    PostgreSQL's own restores are noticed without this. A copy of its files that was put back, a
    disk's snapshot for example, is not.
    """
    with _engine() as engine, owner_needed(), engine.begin() as connection:
        facts = companies.begin_timeline(connection, time.time_ns() // 1_000_000)
    click.echo(
        say(
            "%(company)s goes on in the timeline %(timeline)s. Tills and routers send again what "
            "this database does not have, and read decisions anew, all by themselves.",
            company=facts.name,
            timeline=facts.timeline,
        )
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
