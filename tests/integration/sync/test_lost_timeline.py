"""After a restore the same revision number may say something else: what was lost is not taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from sentra.cloud import feed
from sentra.cloud.company import CompanyFacts, begin_timeline
from sentra.cloud.keys import CompanyKeys
from sentra.link.errors import LinkRefused
from sentra.protocol.errors import ProtocolError
from sentra.protocol.feed import COMPANY, FeedItem, SealedRevision, seal_revision
from sentra.vault.database import Vault
from syncd.daemon.operations.fetch import fetch_page
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_store import MemoryStore
from tests.present import NOW_MS
from tests.support.tills import a_till

CUT = 3
"""Revisions that the restored database still has, the company's own among them."""


class Cloud:
    """The company's feed, and what a router keeps of it."""

    def __init__(self, engine: Engine, keys: CompanyKeys) -> None:
        self._engine, self._key = engine, keys.signing_key

    def say(self, price: str) -> int:
        """One more revision; its number."""
        item = FeedItem("price", "coffee", price.encode())
        with self._engine.begin() as connection:
            return feed.publish(connection, COMPANY, [item], now_ms=NOW_MS, signing_key=self._key)

    def revisions(self) -> list[SealedRevision]:
        with self._engine.connect() as connection:
            return list(feed.read_after(connection, COMPANY, 0, 1_000_000).revisions)

    def restore(self, price: str) -> str:
        """Back to revision CUT, in a new timeline; its name."""
        with self._engine.begin() as connection:
            for change in (
                "DELETE FROM feed_revision WHERE scope = 'company' AND revision > :cut",
                "UPDATE feed_head SET revision = :cut WHERE scope = 'company'",
                "UPDATE feed_item SET body = convert_to(:price, 'utf8'), revision = :cut"
                " WHERE scope = 'company' AND kind = 'price'",
            ):
                connection.execute(text(change), {"cut": CUT, "price": price})
            return begin_timeline(connection, NOW_MS + 60_000).timeline


@pytest.fixture
def cloud(company: CompanyFacts, engine: Engine, company_keys: CompanyKeys) -> Cloud:
    made = Cloud(engine, company_keys)
    number = 0
    while made.say(f"kept {number}") < CUT:
        number += 1
    return made


@pytest.fixture
def till(
    company: CompanyFacts,
    company_keys: CompanyKeys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[VaultShelf]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    key = company_keys.signing_key.public_key()
    vault, identity = a_till(tmp_path / "till", cloud_public_key=key, timeline=company.timeline)
    yield VaultShelf(vault, identity)
    vault.close()


def read(till: VaultShelf, revisions: Sequence[SealedRevision], *, is_cloud: bool = False) -> None:
    """Whatever the store has; what it refuses is the store's affair."""
    store = MemoryStore({}, revisions={COMPANY: list(revisions)})
    key = till.identity.cloud_public_key
    with suppress(LinkRefused, ProtocolError):
        while fetch_page(store, till, COMPANY, key, is_cloud=is_cloud):
            pass


def price(till: VaultShelf) -> str:
    vault: Vault = till._vault
    with vault.reader() as db:
        return bytes(
            db.execute("SELECT body FROM decision WHERE kind = 'price'").fetchone()[0]
        ).decode()


def test_a_router_cannot_replay_what_a_lost_timeline_decided(
    cloud: Cloud, till: VaultShelf
) -> None:
    kept = cloud.revisions()
    read(till, kept, is_cloud=True)
    before = price(till)
    assert cloud.say("lost") == CUT + 1
    lost = cloud.revisions()
    till.set_timeline(cloud.restore(before))
    assert cloud.say("decided anew") == CUT + 1

    read(till, lost)
    assert (price(till), till.feed_cursor(COMPANY)) == (before, CUT)
    read(till, cloud.revisions())
    assert (price(till), till.feed_cursor(COMPANY)) == ("decided anew", CUT + 1)


def test_from_the_cloud_itself_what_was_decided_before_the_restore_is_taken(
    cloud: Cloud, till: VaultShelf
) -> None:
    before = cloud.revisions()
    till.set_timeline(cloud.restore("kept"))
    read(till, before)
    assert till.feed_cursor(COMPANY) == 0, "a router must show a snapshot of the timeline instead"
    read(till, cloud.revisions(), is_cloud=True)
    assert till.feed_cursor(COMPANY) == CUT


def test_what_an_older_cloud_published_is_taken_as_before(
    cloud: Cloud, till: VaultShelf, company_keys: CompanyKeys, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM feed_revision"))
        connection.execute(text("UPDATE feed_head SET revision = 0"))
    unmarked = seal_revision(
        COMPANY, 1, [FeedItem("price", "coffee", b"old")], company_keys.signing_key
    )
    till.set_timeline(cloud.restore("old"))
    read(till, [unmarked])
    assert price(till) == "old"
