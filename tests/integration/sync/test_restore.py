"""PostgreSQL is restored to a moment before some acknowledgements: everything comes back by itself.

Every part is real: write-ahead log archive and base backup, sync service, a router with its till,
and a till that speaks to the cloud itself. Nobody tells any of them that something happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from router_agent.inbound import trunk_loop
from sentra.cloud import feed
from sentra.cloud.archive.write import Archivist
from sentra.cloud.branches import create_branch
from sentra.cloud.company import init_company, the_company
from sentra.cloud.database import make_engine
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.objects import LocalObjects
from sentra.cloud.schema import migrate
from sentra.cloud.tables import journal_entry
from sentra.events import Category
from sentra.protocol.entry import Entry, Head
from sentra.protocol.feed import COMPANY
from sentra.vault import catalogue, journal, watermarks
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from syncd.daemon.bootstrap import wall_clock
from syncd.daemon.inbound import turn
from tests.integration.sync.conftest import Service, running_service
from tests.integration.sync.test_through_the_router import keys_in_files
from tests.support.branch import a_router, enrolled, running_daemon
from tests.support.restoring import ArchivedPostgres, prepare
from tests.support.tills import sell

__all__ = ["keys_in_files"]

Until = Callable[..., None]
SECONDS_MAX = 30.0
HELLO_MS = 500
"""Heads are compared every half minute; a test does not wait that long."""


@dataclass
class Till:
    """A till with its daemon."""

    vault: Vault
    identity: Identity
    entries: list[Entry] = field(default_factory=list)

    def sell(self, count: int) -> None:
        self.entries += sell(self.vault, self.identity, count)

    def mark(self, name: str) -> Head:
        with self.vault.reader() as db:
            return watermarks.watermark(db, name)

    def is_acknowledged(self) -> bool:
        with self.vault.reader() as db:
            return journal.backlog(db, "cloud").count == 0

    def read(self, query: Callable[[Any], Any]) -> Any:
        with self.vault.reader() as db:
            return query(db)


@dataclass
class Company:
    """What runs: the database, a service on it, and two branches' tills."""

    postgres: ArchivedPostgres
    engine: Engine
    keys: CompanyKeys
    objects: LocalObjects
    tills: list[Till]

    def stored(self, till: Till) -> list[tuple[int, bytes]]:
        entry = journal_entry.c
        query = select(entry.seq, entry.hash).where(entry.terminal_id == till.identity.device_id)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(entry.epoch, entry.seq))
            return [(seq, bytes(digest)) for seq, digest in rows]

    def holds_everything(self) -> bool:
        return all(
            self.stored(till) == [(entry.seq, entry.hash) for entry in till.entries]
            for till in self.tills
        )

    def decide(self, name: str) -> None:
        """A category of the catalogue; it is published, and only the timer tells of it."""
        category = Category(name, name)
        with self.engine.begin() as connection:
            feed.publish(
                connection,
                COMPANY,
                [feed.item("category", name, category)],
                now_ms=wall_clock(),
                signing_key=self.keys.signing_key,
            )

    def decided(self) -> tuple[int, bytes]:
        """The feed's head, and everything that it says."""
        with self.engine.connect() as connection:
            said = sorted(item.key.encode() for item in feed.state(connection, COMPANY))
            return feed.heads(connection, (COMPANY,))[COMPANY], b" ".join(said)

    def archive(self) -> None:
        report = Archivist(self.engine, self.objects, self.keys.signing_key, wall_clock())
        assert report.run(all_of_it=True).failures == []

    @property
    def timeline(self) -> str:
        with self.engine.connect() as connection:
            return the_company(connection).timeline


def categories(till: Till) -> set[str]:
    """The categories that a till has."""
    with till.vault.reader() as db:
        return {one.id for one in catalogue.categories(db)}


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def company(
    held: ExitStack,
    servers_folder: Path,
    redis_url: str,
    company_keys: CompanyKeys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Company:
    monkeypatch.setattr(trunk_loop, "HELLO_EVERY_MS", HELLO_MS)
    monkeypatch.setattr(trunk_loop, "TIMER_S", 0.5)
    monkeypatch.setattr(turn, "HELLO_EVERY_MS", HELLO_MS)
    postgres = prepare(servers_folder / "restored")
    postgres.start()
    held.callback(postgres.server.stop)
    engine = make_engine(postgres.server.url())
    held.callback(engine.dispose)
    migrate(engine)
    now_ms, key = wall_clock(), company_keys.signing_key
    with engine.begin() as connection:
        init_company(connection, name="Toko Uji", currency="IDR", now_ms=now_ms, signing_key=key)
        branches = [
            create_branch(
                connection, code=code, name=code, zone="WITA", now_ms=now_ms, signing_key=key
            )
            for code in ("SGT", "BPN")
        ]
    environment = {
        "SENTRA_DATABASE_URL": postgres.server.url(user="sentra_app"),
        "SENTRA_REDIS_URL": redis_url,
        "SENTRA_KEYS_DIR": str(company_keys.folder),
        "SENTRA_SYNC_URL": "https://127.0.0.1:8443",
    }
    service = held.enter_context(running_service(environment, "--tls"))
    router, _ = a_router(tmp_path / "router", service.address, engine, branches[0])
    held.callback(router.stop)
    tills = [
        start_till(held, service, engine, branch, tmp_path / f"till-{number}")
        for number, branch in enumerate(branches)
    ]
    return Company(postgres, engine, company_keys, LocalObjects(tmp_path / "objects"), tills)


def start_till(
    held: ExitStack, service: Service, engine: Engine, branch: str, folder: Path
) -> Till:
    vault, identity = enrolled(folder, "terminal", service.address, engine, branch)
    held.callback(vault.close)
    held.enter_context(running_daemon(folder))
    return Till(vault, identity)


def test_what_was_acknowledged_after_the_moment_comes_back_by_itself(
    company: Company, until: Until
) -> None:
    tills, postgres = company.tills, company.postgres
    postgres.back_up()
    for till in tills:
        till.sell(3)
    company.decide("kept")
    until(lambda: all(till.is_acknowledged() for till in tills), SECONDS_MAX)
    until(lambda: tills[0].mark("router").seq == 3, SECONDS_MAX)
    company.archive()
    until(lambda: all(till.mark("archived").seq == 3 for till in tills), SECONDS_MAX)
    postgres.remember_the_moment()

    # All of this is acknowledged, archived, decided and applied, and then it is gone.
    for till in tills:
        till.sell(4)
    company.decide("lost")
    until(lambda: all(till.is_acknowledged() for till in tills), SECONDS_MAX)
    company.archive()
    until(lambda: all(till.mark("archived").seq == 7 for till in tills), SECONDS_MAX)
    until(lambda: all("lost" in categories(till) for till in tills), SECONDS_MAX)
    head_before, timeline_before = company.decided()[0], company.timeline
    for till in tills:
        till.sell(1)  # On its way, or not even that: nobody waits for the database.
    postgres.set_back(until)
    company.decide("instead")
    head_after, _ = company.decided()
    assert head_after == head_before, "the same number says something else now"

    # Nobody does anything.
    until(company.holds_everything, SECONDS_MAX)
    assert company.timeline != timeline_before
    until(lambda: all("instead" in categories(till) for till in tills), SECONDS_MAX)
    until(lambda: all(till.mark("archived").seq == 3 for till in tills), SECONDS_MAX)
    company.archive()
    until(lambda: all(till.mark("archived").seq == 8 for till in tills), SECONDS_MAX)
    for till in tills:
        till.sell(2)
    until(lambda: all(till.is_acknowledged() for till in tills), SECONDS_MAX)
    assert company.holds_everything()
    with company.engine.connect() as connection:
        odd = connection.execute(text("SELECT kind FROM exception WHERE severity = 'error'")).all()
    assert odd == []
