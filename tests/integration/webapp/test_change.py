"""A change is rows, decisions and its audit entry together, or nothing; tills hear of it after."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from sentra.cloud import audit, feed
from sentra.cloud.keys import CompanyKeys
from sentra.cloud.redis_client import RedisClient
from sentra.events import Category
from tests.present import NOW_MS
from webapp.change import Actor, Parts, Unaudited, open_change

PROGRAM = Actor(None, "a test")
DRINKS = feed.item("category", "1", Category("1", "Minuman"))


@pytest.fixture
def parts(redis_client: RedisClient, company_keys: CompanyKeys) -> Parts:
    return Parts(redis_client, company_keys, lambda: NOW_MS)


def head(engine: Engine) -> int:
    with engine.connect() as connection:
        return feed.heads(connection, ["company"])["company"]


def test_decisions_and_audit_entry_are_committed_together(
    chain_engine: Engine, parts: Parts
) -> None:
    before = head(chain_engine)
    with open_change(chain_engine, parts, PROGRAM) as change:
        change.publish("company", [DRINKS])
        change.audit("catalogue.edit", "category", "1", name="Minuman")
    assert head(chain_engine) == before + 1
    with chain_engine.connect() as connection:
        row = connection.execute(
            text("SELECT user_name, action, detail FROM audit_entry ORDER BY seq DESC LIMIT 1")
        ).one()
        assert tuple(row) == ("a test", "catalogue.edit", '{"name": "Minuman"}')
        assert audit.first_altered(connection) is None


def test_a_change_that_leaves_no_audit_entry_is_not_made(
    chain_engine: Engine, parts: Parts
) -> None:
    before = head(chain_engine)
    with pytest.raises(Unaudited), open_change(chain_engine, parts, PROGRAM) as change:
        change.publish("company", [DRINKS])
    assert head(chain_engine) == before


def test_a_change_that_fails_leaves_nothing_and_wakes_nobody(
    chain_engine: Engine, parts: Parts, redis_client: RedisClient
) -> None:
    before = head(chain_engine)
    with redis_client.pubsub() as hearing:  # type: ignore[no-untyped-call]  # redis-py leaves it so
        hearing.psubscribe("sentra:wake:*")
        hearing.get_message(timeout=5)
        with pytest.raises(ZeroDivisionError), open_change(chain_engine, parts, PROGRAM) as change:
            change.publish("company", [DRINKS])
            change.audit("catalogue.edit", "category", "1")
            _ = 1 / 0
        assert head(chain_engine) == before
        with open_change(chain_engine, parts, PROGRAM) as change:
            change.publish("company", [DRINKS])
            change.audit("catalogue.edit", "category", "1")
        message = hearing.get_message(timeout=5)
    assert message is not None
    assert message["channel"] == b"sentra:wake:feed:company"
    assert str(before + 1).encode() in message["data"]
