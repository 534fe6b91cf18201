"""`sentra sync`: how far the journals are, and what of them needs a person.

`status` asks the cloud's database, or with `--data` a till's or router's folder; `exceptions` are
the cloud's. Each part is imported only when it is asked for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sentra.i18n import say
from sentra.sync_status import GROUP, PlaceStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

Look = Callable[[], PlaceStatus]

APART_S: Final = 2.0
"""Between the two looks of a rate: long enough for a few sales."""

EVERY_S: Final = 2.0


@click.group()
def sync() -> None:
    """How far the journals are, and what of them needs a person."""


@sync.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="A till's or router's folder; else the database of SENTRA_DATABASE_URL is asked.",
)
@click.option("--branch", default="", help="In the cloud: only this branch, by name or code.")
@click.option("--terminal", default="", help="In the cloud: only this till, by its id.")
@click.option(
    "--over",
    "over_s",
    default=APART_S,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="Seconds over which the rate is measured; 0 measures none.",
)
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each look.")
def status(
    *,
    folder: Path | None,
    branch: str,
    terminal: str,
    over_s: float,
    watch: bool,
    as_json: bool,
) -> None:
    """Show heads, what waits and since when, and how fast it moves: by till and by router."""
    with _looking(folder, branch, terminal) as look:
        if watch:
            _watch(look, as_json=as_json)
            return
        seen = look()
        if over_s:
            time.sleep(over_s)
            seen = look().since(seen)
    _show(seen, as_json=as_json)


@sync.group()
def exceptions() -> None:
    """What was accepted and needs a person: look, try again, or close it with a reason."""


@exceptions.command(name="list")
@click.option("--branch", default="", help="Only this branch, by name or code.")
@click.option("--kind", default="", help="Only this kind.")
@click.option("--resolved", is_flag=True, help="Those that were closed, instead of the open ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_exceptions(*, branch: str, kind: str, resolved: bool, as_json: bool) -> None:
    """List them, the oldest first."""
    from syncd import sync_exceptions

    with engine() as made:
        sync_exceptions.tell_all(made, branch, kind, resolved=resolved, as_json=as_json)


@exceptions.command()
@click.argument("exception_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(exception_id: str, *, as_json: bool) -> None:
    """Show one: its kind, its fact as the till wrote it, and the reason."""
    from syncd import sync_exceptions

    with engine() as made:
        sync_exceptions.tell_one(made, exception_id, as_json=as_json)


@exceptions.command()
@click.argument("exception_id", metavar="ID", required=False)
@click.option("--all", "every", is_flag=True, help="Every fact that has no rows yet.")
def retry(exception_id: str | None, *, every: bool) -> None:
    """Project a fact again that was set aside, after an upgrade for example.

    Ends with status 1 where one still has no rows.
    """
    from syncd import sync_exceptions

    if bool(exception_id) == every:
        raise click.UsageError(say("Name one exception, or give --all."))
    with engine() as made:
        sync_exceptions.retry(made, exception_id or "")


@exceptions.command()
@click.argument("exception_id", metavar="ID")
@click.option("--reason", required=True, help="What you found or did; it stays with your name.")
def accept(exception_id: str, *, reason: str) -> None:
    """Close one as it is, with a reason."""
    from syncd import sync_exceptions

    with engine() as made:
        sync_exceptions.accept(made, exception_id, reason)


@contextmanager
def engine() -> Iterator[Engine]:
    """The cloud's database, at the schema that this version needs."""
    from sentra.cloud.database import make_engine, wait_for_database
    from sentra.cloud.schema import require_newest
    from sentra.config import Environment
    from syncd.service.config import POSTGRES_SCHEMES

    url = Environment(os.environ).url("SENTRA_DATABASE_URL", schemes=POSTGRES_SCHEMES)
    made = make_engine(url, application="sentra sync")
    try:
        wait_for_database(made)
        with made.connect() as connection:
            require_newest(connection)
        yield made
    finally:
        made.dispose()


@contextmanager
def _looking(folder: Path | None, branch: str, terminal: str) -> Iterator[Look]:
    if folder is not None:
        yield partial(_reader_of(folder), folder)
        return
    from syncd.service.sync_status import read

    with engine() as made:

        def look() -> PlaceStatus:
            with made.connect() as connection:
                now_ms = time.time_ns() // 1_000_000
                return read(connection, now_ms, branch_name=branch, terminal=terminal)

        yield look


def _reader_of(folder: Path) -> Callable[[Path], PlaceStatus]:
    """The part that reads this vault, by whose vault it is. Raises what `Vault.open` raises."""
    from sentra.vault.database import Vault

    vault = Vault.open(folder)
    vault.close()
    (point,) = entry_points(group=GROUP, name=vault.role)
    read: Callable[[Path], PlaceStatus] = point.load()
    return read


def _watch(look: Look, *, as_json: bool) -> None:
    """A table that stays in its place, until somebody ends it."""
    from rich.console import Console, Group
    from rich.live import Live

    from sentra.sync_status import tables

    before = look()
    try:
        if as_json:
            while True:
                click.echo(json.dumps(before.as_json(), ensure_ascii=False))
                time.sleep(EVERY_S)
                before = look().since(before)
        with Live(Group(*tables(before)), console=Console(), auto_refresh=False) as live:
            while True:
                time.sleep(EVERY_S)
                before = look().since(before)
                live.update(Group(*tables(before)), refresh=True)
    except KeyboardInterrupt:
        return


def _show(seen: PlaceStatus, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(seen.as_json(), ensure_ascii=False))
        return
    from rich.console import Console

    from sentra.sync_status import tables

    for table in tables(seen):
        Console().print(table)
