"""Revisions are numbered without a gap, in commit order, and only for what changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from sentra.cloud import feed
from sentra.cloud.keys import CompanyKeys
from sentra.protocol.errors import FeedDamaged
from sentra.protocol.feed import ITEMS_MAX, FeedItem, SealedRevision, open_revision
from tests.present import NOW_MS

SCOPE = "company"
EVERYTHING = 100_000_000


def product(number: int, body: bytes | None = b"{}") -> FeedItem:
    return FeedItem("product", f"{number}", body)


def publish(engine: Engine, keys: CompanyKeys, *items: FeedItem) -> int:
    with engine.begin() as connection:
        return feed.publish(connection, SCOPE, items, now_ms=NOW_MS, signing_key=keys.signing_key)


def revisions(engine: Engine, after: int = 0, bytes_max: int = EVERYTHING) -> list[SealedRevision]:
    with engine.connect() as connection:
        return list(feed.read_after(connection, SCOPE, after, bytes_max).revisions)


def test_a_revision_is_what_the_cloud_signed(engine: Engine, company_keys: CompanyKeys) -> None:
    publish(engine, company_keys, product(1), product(2))
    [revision] = revisions(engine)
    cloud_key = company_keys.signing_key.public_key()
    assert open_revision(revision, cloud_key) == [product(1), product(2)]
    renamed = SealedRevision("another scope", 1, revision.sealed, revision.signature)
    with pytest.raises(FeedDamaged):
        open_revision(renamed, cloud_key)


def test_a_reader_never_sees_a_revision_before_the_one_that_came_first(
    engine: Engine, company_keys: CompanyKeys
) -> None:
    stop, seen_out_of_order = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            numbers = [revision.revision for revision in revisions(engine)]
            if numbers != list(range(1, len(numbers) + 1)):
                seen_out_of_order.append(numbers)

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(publish, engine, company_keys, product(n)) for n in range(60)]
        heads = sorted(one.result() for one in work)
    stop.set()
    reader.join()
    assert heads == list(range(1, 61))
    assert seen_out_of_order == []


def test_a_second_publisher_waits_for_the_first_and_comes_after_it(
    engine: Engine, company_keys: CompanyKeys
) -> None:
    with ThreadPoolExecutor(1) as pool, engine.begin() as first:
        feed.publish(
            first, SCOPE, [product(1)], now_ms=NOW_MS, signing_key=company_keys.signing_key
        )
        second = pool.submit(publish, engine, company_keys, product(2))
        assert revisions(engine) == []
        first.commit()
        assert second.result() == 2


def test_a_rolled_back_change_burns_no_number(engine: Engine, company_keys: CompanyKeys) -> None:
    publish(engine, company_keys, product(1))
    with engine.connect() as connection:
        feed.publish(
            connection, SCOPE, [product(2)], now_ms=NOW_MS, signing_key=company_keys.signing_key
        )
        connection.rollback()
    assert publish(engine, company_keys, product(3)) == 2


def test_publishing_what_is_already_so_makes_no_revision(
    engine: Engine, company_keys: CompanyKeys
) -> None:
    assert publish(engine, company_keys, product(1), product(2)) == 1
    assert publish(engine, company_keys, product(1)) == 1
    assert publish(engine, company_keys, product(9, None)) == 1
    assert publish(engine, company_keys, product(1), product(2, b'{"a":1}')) == 2
    cloud_key = company_keys.signing_key.public_key()
    assert open_revision(revisions(engine, after=1)[0], cloud_key) == [product(2, b'{"a":1}')]


def test_the_state_is_what_a_till_holds_that_applied_every_revision(
    engine: Engine, company_keys: CompanyKeys
) -> None:
    publish(engine, company_keys, product(1), product(2))
    publish(engine, company_keys, product(1, None), product(3), product(2, b'{"a":1}'))
    till: dict[str, bytes] = {}
    for revision in revisions(engine):
        for item in open_revision(revision, company_keys.signing_key.public_key()):
            if item.body is None:
                till.pop(item.key)
            else:
                till[item.key] = item.body
    with engine.connect() as connection:
        state = feed.state(connection, SCOPE)
    assert {item.key: item.body for item in state} == till == {"2": b'{"a":1}', "3": b"{}"}


def test_a_large_change_becomes_revisions_that_appear_together(
    engine: Engine, company_keys: CompanyKeys
) -> None:
    head = publish(engine, company_keys, *(product(n) for n in range(2 * ITEMS_MAX + 1)))
    assert head == 3
    assert [revision.revision for revision in revisions(engine)] == [1, 2, 3]


def test_a_page_holds_as_many_revisions_as_fit_and_one_at_least(
    engine: Engine, company_keys: CompanyKeys
) -> None:
    for number in range(5):
        publish(engine, company_keys, product(number))
    size = len(revisions(engine)[0].sealed)
    assert len(revisions(engine, bytes_max=1)) == 1
    assert len(revisions(engine, bytes_max=size * 2)) == 2
    assert [revision.revision for revision in revisions(engine, after=3)] == [4, 5]


def test_scopes_count_for_themselves(engine: Engine, company_keys: CompanyKeys) -> None:
    publish(engine, company_keys, product(1))
    with engine.connect() as connection:
        assert feed.heads(connection, (SCOPE, "nowhere")) == {SCOPE: 1, "nowhere": 0}
