"""A turn of the daemon: what was sold goes on its way while a large catalogue is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from sentra.events import Category, Product
from sentra.link.errors import LinkDown
from sentra.protocol.envelope import Parcel
from sentra.protocol.messages import JournalAnswer
from sentra.vault import catalogue
from sentra.vault.database import Vault
from sentra.vault.identity import Identity
from sentra.vault.staging import ITEMS_AT_ONCE
from syncd.daemon.inbound.turn import SEND_BETWEEN_MS, Turner
from syncd.daemon.outbound.lines import Lines
from syncd.daemon.outbound.shelf import VaultShelf
from tests.fakes.memory_store import MemoryStore
from tests.support.journals import START_MS, an_id
from tests.support.tills import CLOUD_KEY, TIMELINE, a_revision, a_till, sell

PRODUCT = Product(an_id(1), "X", "Kopi", None, "pcs", "NONE", ())
ITEMS = 1_000
"""Five portions of a change."""


@dataclass
class Cloud(MemoryStore):
    """`sales` by how far the feed was applied when they came. `offset_ms` as a link has it."""

    cursor: Callable[[], int] = lambda: 0
    sales: list[int] = field(default_factory=list)
    breaks: bool = False
    tries: int = 0
    offset_ms: int = 0

    def send(self, parcels: Sequence[Parcel]) -> JournalAnswer:
        self.tries += 1
        if self.breaks:
            raise LinkDown("no-answer", "memory", "it broke")
        self.sales.append(self.cursor())
        return super().send(parcels)


@dataclass
class OnlyCloud:
    """Lines of a branch without a router."""

    store: Cloud

    def cloud(self) -> Cloud:
        return self.store


@dataclass
class Till:
    """A till whose cashier sells between any two portions of what the daemon writes."""

    vault: Vault
    identity: Identity
    cloud: Cloud
    tick_ms: int = 0

    def __post_init__(self) -> None:
        self.shelf = VaultShelf(self.vault, self.identity, pause=self._between)
        self.cloud.cursor = lambda: self.shelf.feed_cursor("company")

    def _between(self, _seconds: float) -> None:
        sell(self.vault, self.identity)
        self.tick_ms += SEND_BETWEEN_MS

    def turn(self) -> None:
        Turner(
            self.shelf,
            cast(Lines, OnlyCloud(self.cloud)),
            clock=lambda: START_MS,
            ticks=lambda: self.tick_ms,
            version="1",
            stopped=lambda: False,
        ).take(1)


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")
    vault, identity = a_till(tmp_path / "till")
    keys = {identity.device_id: identity.private_key.public_key()}
    cloud = Cloud(keys, CLOUD_KEY, timeline=TIMELINE)
    before = [("product", PRODUCT.id, PRODUCT)]
    with vault.writer() as db:
        catalogue.apply_revision(db, *a_revision("company", 1, before))
    decided = [("category", f"c{n}", Category(f"c{n}", "C")) for n in range(ITEMS)]
    cloud.revisions["company"] = [
        a_revision("company", 1, before)[0],
        a_revision("company", 2, decided)[0],
    ]
    made = Till(vault, identity, cloud)
    made.shelf.set_timeline(cloud.timeline)
    yield made
    vault.close()


def test_what_is_sold_while_a_large_catalogue_is_written_is_sent_meanwhile(till: Till) -> None:
    till.turn()
    assert till.shelf.feed_cursor("company") == 2
    assert till.cloud.sales.count(1) >= ITEMS // ITEMS_AT_ONCE - 1, "before it was in force"


def test_a_line_that_breaks_meanwhile_costs_nothing_of_what_was_written(till: Till) -> None:
    till.cloud.breaks = True
    till.turn()
    assert till.shelf.feed_cursor("company") == 2, "it was all here already"
    assert till.cloud.tries == 2, "once meanwhile, and once in its turn"
    till.cloud.breaks = False
    till.tick_ms += 60_000
    till.turn()
    assert till.shelf.backlog("cloud").count == 0
