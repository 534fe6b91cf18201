"""What only the archive still has after a restore comes back from it, by the worker's own run."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from syncd.service.rebuild.compare import LOG, PROJECTED, compare
from syncd.service.rebuild.take_back import take_back
from tests.present import NOW_MS
from tests.support.backoffice import (
    as_owner,
    chain,
    chain_engine,
    chain_url,
    filled_chain,
    settings,
)
from tests.support.books import Books
from tests.support.chain import Chain
from tests.support.journals import DAY, a_sale
from webapp.archiving import archive_due
from webapp.config import Settings

__all__ = ["as_owner", "chain", "chain_engine", "chain_url", "filled_chain", "settings"]

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


def go_on(engine: Engine, chain: Chain) -> None:
    """After that moment: sales, a till that is enrolled and sells, a router that is revoked."""
    branch_id = chain.branches["SGT"]
    old = copy.copy(next(till for till in chain.tills.values() if till.branch_id == branch_id))
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
