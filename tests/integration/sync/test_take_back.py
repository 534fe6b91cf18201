"""What only the archive still has after a restore comes back from it, by the worker's own run."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from sentra.cloud.archive.source import left_out
from sentra.cloud.cli import db
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from sentra.events import Fact
from sentra.protocol.entry import Head
from syncd.service.rebuild.compare import LOG, PROJECTED, compare
from syncd.service.rebuild.take_back import take_back
from tests.present import NOW_MS
from tests.support.backoffice import settings
from tests.support.books import Books, Till
from tests.support.chain import Chain
from tests.support.journals import DAY, a_sale
from webapp.archiving import archive_due
from webapp.config import Settings

__all__ = ["settings"]

LATER_MS = NOW_MS + 60_000


@pytest.fixture
def restored_url(
    settings: Settings, as_owner: Engine, postgres_maintenance: Engine
) -> Iterator[str]:
    """The database as it was: archived, and copied at that moment. What is restored from it is
    another database to PostgreSQL, as after a restore to a point in time."""
    archive_due(settings, "company")
    as_owner.dispose()
    source = make_url(settings.database_url)
    name = f"{source.database}_restored"
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source.database}"))
    yield source.set(database=name).render_as_string(hide_password=False)
    with postgres_maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def first_till(chain: Chain) -> Till:
    """A till of the branch where things go on, as it was at that moment."""
    branch_id = chain.branches["SGT"]
    return copy.copy(next(till for till in chain.tills.values() if till.branch_id == branch_id))


def go_on(engine: Engine, chain: Chain) -> None:
    """After that moment: sales, a till that is enrolled and sells, a router that is revoked."""
    branch_id = chain.branches["SGT"]
    old = first_till(chain)
    with engine.begin() as connection:
        books = Books(connection, routers=dict(chain.routers))
        books.record(old, [(LATER_MS, DAY, a_sale(1))], router_ms=None)
        books.record(old, [(LATER_MS + 5, DAY, a_sale(2)), (LATER_MS + 9, DAY, a_sale(3))])
        new = books.add_till(branch_id, "SGT", "Asia/Makassar", 9, LATER_MS)
        books.record(new, [(LATER_MS + 20, DAY, a_sale(4))], router_ms=None)
        revoke = "UPDATE device SET status = 'revoked', revoked_at_ms = :at WHERE role = 'router'"
        connection.execute(text(revoke), {"at": LATER_MS})
        # Due again, without an hour's wait.
        connection.execute(text("UPDATE archive_head SET moved_at_ms = 0"))


def go_on_with(engine: Engine, chain: Chain, till: Till, *facts: Fact) -> None:
    with engine.begin() as connection:
        books = Books(connection, routers=dict(chain.routers))
        books.record(till, [(LATER_MS + 30, DAY, fact) for fact in facts])
        connection.execute(text("UPDATE archive_head SET moved_at_ms = 0"))


def test_facts_devices_and_revocations_come_back_as_they_were_and_once(
    settings: Settings,
    as_owner: Engine,
    chain: Chain,
    restored_url: str,
    company_keys: CompanyKeys,
) -> None:
    go_on(as_owner, chain)
    assert archive_due(settings, "company").failures == []
    restored = make_engine(restored_url)
    with structlog.testing.capture_logs() as logs:
        report = archive_due(replace(settings, database_url=restored_url), "company")
    told = [line for line in logs if line["event"] == "archive_taken_back"]
    assert [(line["entries"], line["devices"]) for line in told] == [(4, 4)]
    assert report.failures == []
    with as_owner.connect() as was, restored.connect() as now:
        found = compare((*LOG, *PROJECTED), was, now)
    assert found.is_equal, list(map(str, found.differences))
    again = take_back(
        restored, LocalObjects(settings.object_dir), company_keys.signing_key, LATER_MS
    )
    restored.dispose()
    assert again is None


def test_what_could_not_be_read_is_told_until_it_was_put_back_and_taken_in(
    settings: Settings,
    as_owner: Engine,
    chain: Chain,
    restored_url: str,
    company_keys: CompanyKeys,
) -> None:
    """A damaged object holds up what continues it, and neither counts as taken."""
    old, later = first_till(chain), replace(settings, database_url=restored_url)
    known = set(LocalObjects(settings.object_dir).keys("archive/"))
    for number in (1, 2):
        go_on_with(as_owner, chain, old, a_sale(number))
        archive_due(settings, "company")
    new = sorted(set(LocalObjects(settings.object_dir).keys(f"archive/journal/{old.id}/")) - known)
    assert len(new) == 2
    damaged = settings.object_dir / new[0]
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])

    def run(*words: str) -> Result:
        environment = {
            "SENTRA_DATABASE_URL": restored_url,
            "SENTRA_KEYS_DIR": str(company_keys.folder),
            "SENTRA_OBJECT_DIR": str(settings.object_dir),
            "SENTRA_LANGUAGE": "en",
        }
        return CliRunner(env=environment).invoke(db, ["archive", *words])

    report = archive_due(later, "company")
    assert report.failures == []
    restored = make_engine(restored_url)
    with restored.connect() as now:
        assert left_out(now) == 2
    assert archive_due(later, "company").failures == [], "it is not tried again at each run"
    checked = run("--check")
    assert checked.exit_code == 1
    assert f"The archive goes on with terminal {old.id}" in checked.output
    again = run("--take-back")
    assert again.exit_code == 1
    assert new[0] in again.output
    assert new[1] in again.output
    damaged.write_bytes(whole)
    done = run("--take-back")
    assert (done.exit_code, "2 entries" in done.output) == (0, True), done.output
    assert run("--check").exit_code == 0
    with as_owner.connect() as was, restored.connect() as now:
        assert left_out(now) == 0
        found = compare((*LOG, *PROJECTED), was, now)
    restored.dispose()
    assert found.is_equal, list(map(str, found.differences))


def test_where_a_till_was_put_back_and_went_on_first_its_archived_sales_lie_beside(
    settings: Settings, as_owner: Engine, chain: Chain, restored_url: str
) -> None:
    """Three faults at once: the router's disk died, the database and the till are older copies.
    What the till did since begins an epoch behind the older end, before the worker looks."""
    old, put_back = first_till(chain), first_till(chain)
    go_on_with(as_owner, chain, old, a_sale(1), a_sale(2))
    archive_due(settings, "company")
    put_back.head = Head(2, 0, put_back.head.hash)
    restored = make_engine(restored_url)
    go_on_with(restored, chain, put_back, a_sale(3))
    archive_due(replace(settings, database_url=restored_url), "company")
    sales = text("SELECT count(*) FROM sale WHERE sale_id = ANY(CAST(:ids AS uuid[]))")
    with restored.connect() as now:
        ids = [a_sale(number).sale_id for number in (1, 2, 3)]
        assert now.execute(sales, {"ids": ids}).scalar_one() == 3
        kinds = set(now.execute(text("SELECT kind FROM exception")).scalars())
        assert left_out(now) == 0
    restored.dispose()
    assert "journal-fork" in kinds
