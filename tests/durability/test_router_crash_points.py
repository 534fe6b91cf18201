"""A router ends between any two statements: what it was given is whole or absent."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from router_agent.bootstrap import Router
from router_agent.config import RouterSettings
from router_agent.operations.trunk import CloudHead
from router_agent.outbound import decisions, store
from router_agent.outbound.schema import ROOMS
from sentra.protocol import signing
from sentra.protocol.bodies import encode_decision
from sentra.protocol.entry import EMPTY, Head
from sentra.protocol.envelope import Parcel, pack
from sentra.protocol.feed import FeedItem, seal_revision
from sentra.protocol.messages import sign_watermark
from sentra.protocol.segment import open_segment
from sentra.vault.database import Vault
from tests.durability.day import copy_disk, shop_folder
from tests.durability.fuse import Ended, Fuse, fused
from tests.support.fake_cloud import FakeCloud, a_router, device_of, now_ms
from tests.support.journals import Journal
from tests.support.tills import BRANCH, CLOUD_KEY

__all__ = ["shop_folder"]

POINTS_MIN = 20

Deed = Callable[[Router, FlaskClient], None]


@dataclass(frozen=True, slots=True)
class Held:
    """What a router has on its disk."""

    here: Head
    cloud: Head
    segments: int
    revision: int
    devices: int


@pytest.fixture(autouse=True)
def keys_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRA_KEY_STORE", "file")


@contextmanager
def _running(folder: Path) -> Iterator[tuple[Router, FlaskClient]]:
    """A router that serves no port."""
    router = Router(RouterSettings(folder), now_ms, "0.1.0")
    try:
        yield router, router.app(tls=True).test_client()
    finally:
        router.stop()


def _give(journal: Journal, first: int, last: int) -> Deed:
    """A terminal sends a run of its journal."""

    def do(_router: Router, client: FlaskClient) -> None:
        body = pack([Parcel(journal.sealed(first, last))])
        target, nonce = "/v1/journal", secrets.token_bytes(signing.NONCE_BYTES)
        signed = signing.sign(journal.key, journal.terminal, "POST", target, body, now_ms(), nonce)
        answer = client.post(target, data=body, headers={signing.HEADER: signed})
        assert answer.status_code == 200, answer.text

    return do


def _decide(journal: Journal) -> Deed:
    """The cloud's first revision of the branch arrives: it names the terminal."""
    device = device_of(journal)
    items = [FeedItem("device", device.id, encode_decision(device))]

    def do(router: Router, _client: FlaskClient) -> None:
        if router.shelf.feed_cursor(BRANCH) == 0:
            router.shelf.cache(seal_revision(BRANCH, 1, items, CLOUD_KEY), items)

    return do


def _acknowledge(journal: Journal) -> Deed:
    """The cloud has committed everything."""

    def do(router: Router, _client: FlaskClient) -> None:
        mark = sign_watermark(CLOUD_KEY, "cloud", journal.terminal, journal.head, now_ms())
        router.shelf.set_cloud_heads([CloudHead(journal.terminal, journal.head, mark)])

    return do


def _held(folder: Path, terminal: str) -> Held:
    """Opens the vault as the router does, and every segment in it."""
    vault = Vault.open(folder, ROOMS)
    try:
        with vault.reader() as db:
            head, prev, count = store.head_of(db, terminal), EMPTY.hash, 0
            for sealed in store.segments_of(db, terminal):
                prev, count = open_segment(sealed, prev)[-1].hash, count + 1
            assert prev == head.hash
            state = store.journal(db, terminal)
            cloud = state.cloud if state else EMPTY
            revision = decisions.feed_cursor(db, BRANCH)
            return Held(head, cloud, count, revision, len(decisions.devices(db)))
    finally:
        vault.close()


def _do(folder: Path, deed: Deed, fuse: Fuse, at: int | None = None) -> bool:
    """Whether the deed was answered; the process ends at its statement `at`."""
    try:
        with fused(fuse), _running(folder) as (router, client):
            fuse.arm(at)
            deed(router, client)
            fuse.arm(None)
            return True
    except Ended:
        return False


def test_a_router_that_ends_at_any_statement_has_the_deed_whole_or_not_at_all(
    shop_folder: Path, tmp_path: Path
) -> None:
    journal, points, names = Journal(1), 0, itertools.count()
    with FakeCloud(tmp_path / "cloud") as cloud:
        a_router(shop_folder / "new", cloud)
        journal.sell(6)
        deeds = (
            _decide(journal), _give(journal, 1, 3), _give(journal, 4, 6), _acknowledge(journal)
        )  # fmt: skip
        disk = copy_disk(shop_folder / "new", shop_folder / "before")
        before = _held(disk, journal.terminal)
        for deed in deeds:
            whole = copy_disk(disk, shop_folder / f"{next(names)}")
            assert _do(whole, deed, Fuse())
            after = _held(whole, journal.terminal)
            assert after != before
            for at in itertools.count():
                place, fuse = copy_disk(disk, shop_folder / f"{next(names)}"), Fuse()
                if _do(place, deed, fuse, at):
                    break
                found = copy_disk(place, shop_folder / f"{next(names)}")
                fuse.clear()
                assert _held(found, journal.terminal) in (before, after), at
                assert _do(found, deed, Fuse())
                assert _held(found, journal.terminal) == after, at
                points += 1
            disk, before = whole, after
    assert points >= POINTS_MIN
