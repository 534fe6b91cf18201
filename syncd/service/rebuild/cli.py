"""`sentra db rebuild`: make everything that is derived anew, and say whether it is the same."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

import click
from sqlalchemy import Connection, Engine, func, select, text

from sentra import i18n
from sentra.cloud.archive.cli import company_keys, object_store
from sentra.cloud.archive.read import Archive
from sentra.cloud.company import the_company
from sentra.cloud.database import make_engine, owner_needed, wait_for_database
from sentra.cloud.progress import bar
from sentra.cloud.schema import require_newest
from sentra.cloud.tables import journal_head
from sentra.config import Environment
from sentra.failures import Failure
from sentra.i18n import say
from syncd.service.rebuild.compare import LOG, PROJECTED, Comparison, compare
from syncd.service.rebuild.replay import Replay
from syncd.service.rebuild.scratch import TEMPORARY, Scratch

_LOCK = text("LOCK TABLE journal_head IN EXCLUSIVE MODE")
"""Reading goes on; whoever appends waits until the rows are replaced."""


@click.command()
@click.option(
    "--from-archive", is_flag=True, help="From the archive alone, into an empty database."
)
@click.option(
    "--compare-with",
    metavar="URL",
    envvar="SENTRA_COMPARE_DATABASE_URL",
    help="With --from-archive: the old database, to compare every row with.",
)
@click.option("--replace", is_flag=True, help="Put what differs in the place of what was there.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object for a machine.")
def rebuild(*, from_archive: bool, compare_with: str | None, replace: bool, as_json: bool) -> None:
    """Make every projection anew from the journal; status 1 where a row is not as it was.

    The service goes on meanwhile: what is made anew stands beside what is there.
    """
    if from_archive and replace:
        raise click.UsageError(say("--replace belongs to a rebuild from the journal."))
    environment = Environment(os.environ)
    engine = _engine(environment.text("SENTRA_DATABASE_URL"))
    try:
        if from_archive:
            old = None if compare_with is None else _engine(compare_with)
            told = _from_archive(environment, engine, old)
        else:
            told = _from_journal(engine, replace=replace)
    finally:
        engine.dispose()
    told.print(as_json=as_json)
    if not told.is_good:
        sys.exit(1)


class _Told:
    """What came of it."""

    def __init__(
        self,
        entries: int,
        comparison: Comparison | None,
        failures: Sequence[Failure],
        changed: int,
        decisions: int = 0,
    ) -> None:
        self.entries, self.comparison = entries, comparison
        self.failures, self.changed, self.decisions = failures, changed, decisions

    @property
    def is_good(self) -> bool:
        """Whether everything is the same, or was made the same."""
        is_equal = self.comparison is None or self.comparison.is_equal
        return not self.failures and (is_equal or self.changed > 0)

    def print(self, *, as_json: bool) -> None:
        """As one JSON object on the last line, or as lines for people."""
        gettext = i18n.translate(i18n.language())
        failures = [failure.told(gettext) for failure in self.failures]
        found = self.comparison
        if as_json:
            told = {
                "entries": self.entries,
                "rows": 0 if found is None else found.rows,
                "differing": 0 if found is None else found.differing,
                "differences": [] if found is None else [str(one) for one in found.differences],
                "decisions": self.decisions,
                "failures": failures,
                "changed": self.changed,
                "equal": found is not None and found.is_equal,
            }
            click.echo(json.dumps(told, ensure_ascii=False))
            return
        for line in failures:
            click.echo(f"✗ {line}")
        click.echo(say("%(entries)s entries were read.", entries=self.entries))
        if self.decisions:
            click.echo(
                say(
                    "What was decided is here again, as tills were told it (%(count)s items). "
                    "Costs, sign-in names and passwords are not in the archive: run `sentra db "
                    "init` for an owner who can sign in.",
                    count=self.decisions,
                )
            )
        if found is not None:
            self._print_comparison(found)

    def _print_comparison(self, found: Comparison) -> None:
        for difference in found.differences:
            click.echo(f"✗ {difference}")
        if found.is_equal:
            click.echo(say("All %(rows)s rows are the same.", rows=found.rows))
            return
        click.echo(
            say(
                "Of %(rows)s rows, %(count)s are not the same.",
                rows=found.rows,
                count=found.differing,
            )
        )
        if self.changed:
            click.echo(say("%(count)s rows were put in place.", count=self.changed))


def _engine(url: str) -> Engine:
    """Each transaction reads one snapshot: tills go on selling meanwhile."""
    engine = make_engine(url, application="sentra db rebuild")
    wait_for_database(engine)
    with engine.connect() as connection:
        require_newest(connection)
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _from_journal(engine: Engine, *, replace: bool) -> _Told:
    with engine.connect() as connection:
        the_company(connection)
        scratch = Scratch(connection)
        scratch.make()
        with bar(say("Entries"), _entry_count(connection)) as step:
            scratch.fill(step)
        if not replace:
            found = _compare(scratch)
            connection.rollback()
            return _Told(scratch.entries, found, (), 0)
        connection.commit()
        changed = 0
        connection.execute(_LOCK)
        scratch.fill()
        found = _compare(scratch)
        if not found.is_equal:
            changed = _replace(scratch, found)
        connection.commit()
        return _Told(scratch.entries, found, (), changed)


def _compare(scratch: Scratch) -> Comparison:
    scratch.analyse()
    at = scratch.connection
    with bar(say("Rows"), None) as step:
        return compare(PROJECTED, at, at, old_schema="public", new_schema=TEMPORARY, told=step)


def _replace(scratch: Scratch, found: Comparison) -> int:
    with owner_needed():
        return scratch.replace(found.tables, time.time_ns() // 1_000_000)


def _from_archive(environment: Environment, engine: Engine, old: Engine | None) -> _Told:
    key = company_keys(environment).signing_key
    archive = Archive(object_store(environment), key.public_key())
    archive.look()
    with engine.connect() as connection, bar(say("Entries"), None) as step:
        replay = Replay(connection, archive, key, time.time_ns() // 1_000_000, step)
        with owner_needed():
            replay.run()
        connection.commit()
    if old is None:
        return _Told(replay.entries, None, replay.failures, 0, replay.decisions)
    with old.connect() as was, engine.connect() as now, bar(say("Rows"), None) as step:
        found = compare((*LOG, *PROJECTED), was, now, told=step)
    old.dispose()
    return _Told(replay.entries, found, replay.failures, 0, replay.decisions)


def _entry_count(connection: Connection) -> int:
    query = select(func.coalesce(func.sum(journal_head.c.entry_count), 0))
    return int(connection.execute(query).scalar_one())
